//! Something between a client and its server that fails on demand, and keeps every call that it has seen.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, HOST, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::{PATIENCE, Recorded, until};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meddling {
    /// It is answered with this status and does not reach the server.
    Refused(u16),
    /// It takes effect, and the connection is cut in place of an answer.
    ReplyLost,
    /// It takes effect, and no answer comes until it is released.
    ReplyHeld,
    /// It is answered with an empty list, as if nothing were there yet.
    NothingListed,
    /// Half of the answer's body comes.
    Cut,
}

/// A running one; it stops when it is dropped.
#[derive(Debug)]
pub struct Meddler {
    state: Arc<State>,
    base: String,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    /// `http://HOST:PORT` of the server.
    server: String,
    client: Client<HttpConnector, Full<Bytes>>,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Recorded>>,
    /// Calls whose reply is held.
    held: Mutex<usize>,
    release: Notify,
}

#[derive(Debug)]
struct Rule {
    call: String,
    left: usize,
    meddling: Meddling,
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

impl Meddler {
    /// One before the server with this base URL, `/v1` included.
    pub async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}/v1", listener.local_addr().expect("the port"));
        let state = Arc::new(State {
            server: url.trim_end_matches("/v1").to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            rules: Mutex::default(),
            seen: Mutex::default(),
            held: Mutex::default(),
            release: Notify::new(),
        });
        let server = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { state, base, server }
    }

    /// Its base URL, `/v1` included.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Meddles with the next so many calls such as `POST /v1/batches` or `GET /v1/files/*/content`.
    pub fn meddle(&self, call: &str, times: usize, meddling: Meddling) {
        self.state.rules.lock().push(Rule { call: call.to_owned(), left: times, meddling });
    }

    /// The calls of this kind, in order.
    pub fn seen(&self, call: &str) -> Vec<Recorded> {
        self.state.seen.lock().iter().filter(|seen| is_of(call, seen)).cloned().collect()
    }

    /// Waits until a reply is held.
    pub async fn holds(&self) {
        until("a held reply", PATIENCE, async || (*self.state.held.lock() > 0).then_some(())).await;
    }

    /// Lets the reply go that is held.
    pub fn release(&self) {
        self.state.release.notify_one();
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Whether a call is of a kind: `*` stands for any one segment of the path.
fn is_of(kind: &str, call: &Recorded) -> bool {
    let Some((method, pattern)) = kind.split_once(' ') else { return false };
    let path = call.path.split('?').next().unwrap_or_default();
    let (wanted, found): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    let is_path = wanted.len() == found.len() && wanted.iter().zip(found).all(|(want, is)| *want == "*" || *want == is);
    call.method.as_str() == method && is_path
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, Arc::clone(&state)));
    }
}

async fn converse(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(move |request| answer(Arc::clone(&state), request));
    // An answer that is an error cuts the connection.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn cut() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "meddled with")
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> std::io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let body = body.collect().await.map_err(|_| cut())?.to_bytes();
    let call = Recorded { method: head.method, path, headers: head.headers, body };
    let meddling = state.rules.lock().iter_mut().find(|rule| rule.left > 0 && is_of(&rule.call, &call)).map(|rule| {
        rule.left -= 1;
        rule.meddling
    });
    state.seen.lock().push(call.clone());
    if let Some(Meddling::Refused(status)) = meddling {
        let body = r#"{"error":{"message":"Not now.","type":"server_error","param":null,"code":"meddled"}}"#;
        let response =
            Response::builder().status(status).header(RETRY_AFTER, "0").header("content-type", "application/json");
        return Ok(response.body(whole(Bytes::from(body))).expect("a response"));
    }
    let (head, body) = state.pass(call).await?.into_parts();
    match meddling {
        None | Some(Meddling::Refused(_)) => Ok(Response::from_parts(head, whole(body))),
        Some(Meddling::ReplyLost) => Err(cut()),
        Some(Meddling::ReplyHeld) => {
            *state.held.lock() += 1;
            state.release.notified().await;
            Ok(Response::from_parts(head, whole(body)))
        }
        Some(Meddling::NothingListed) => {
            let nothing = Bytes::from(r#"{"object":"list","data":[],"has_more":false}"#);
            Ok(Response::new(whole(nothing)))
        }
        Some(Meddling::Cut) => {
            let mut response = Response::from_parts(head, half(&body));
            response.headers_mut().insert(CONTENT_LENGTH, body.len().into());
            Ok(response)
        }
    }
}

impl State {
    async fn pass(&self, call: Recorded) -> std::io::Result<Response<Bytes>> {
        let uri: Uri = format!("{}{}", self.server, call.path).parse().expect("an address");
        let mut request = Request::new(Full::from(call.body));
        (*request.method_mut(), *request.uri_mut()) = (call.method, uri);
        *request.headers_mut() = call.headers;
        for own in [HOST, CONTENT_LENGTH, hyper::header::TRANSFER_ENCODING, hyper::header::CONNECTION] {
            request.headers_mut().remove(own);
        }
        let (head, body) = self.client.request(request).await.map_err(|_| cut())?.into_parts();
        let body = body.collect().await.map_err(|_| cut())?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

fn whole(body: Bytes) -> Body {
    Full::from(body).map_err(|never| match never {}).boxed_unsync()
}

/// The first half, a pause in which it is sent, and the cut.
fn half(body: &Bytes) -> Body {
    let first = stream::iter([Ok(Frame::data(body.slice(..body.len() / 2)))]);
    let end = stream::once(async {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        Err(cut())
    });
    StreamBody::new(futures_util::StreamExt::chain(first, end)).boxed_unsync()
}
