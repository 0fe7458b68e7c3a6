//! An upstream that keeps every call as it came, and answers batch lines with bytes of the test's own.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::recorder_batch::Shelf;

/// A call that arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its method.
    pub method: Method,
    /// Its path, with the query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; empty for `/v1/mirror`, which is streamed.
    pub body: Bytes,
}

/// An upstream of the test's own; it stops when it is dropped.
#[derive(Debug)]
pub struct Recorder {
    state: Arc<State>,
    base: String,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    answer: String,
    status: StatusCode,
    seen: Mutex<Vec<Recorded>>,
    shelf: Mutex<Shelf>,
}

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

impl Recorder {
    /// One that answers each line of a batch with this JSON, to the byte.
    pub async fn answering(answer: &str) -> Self {
        Self::start(answer, StatusCode::OK).await
    }

    /// One that answers every call with this status.
    pub async fn refusing(status: StatusCode) -> Self {
        Self::start("{}", status).await
    }

    async fn start(answer: &str, status: StatusCode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}/v1", listener.local_addr().expect("the port"));
        let state = State { answer: answer.to_owned(), status, seen: Mutex::default(), shelf: Mutex::default() };
        let state = Arc::new(state);
        let server = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { state, base, server }
    }

    /// Its base URL, `/v1` included.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The calls to a path (without its query), in order.
    pub fn calls(&self, path: &str) -> Vec<Recorded> {
        let seen = self.state.seen.lock();
        seen.iter().filter(|call| call.path.split('?').next() == Some(path)).cloned().collect()
    }

    /// Every line of every batch, as it was uploaded.
    pub fn lines(&self) -> Vec<String> {
        self.state.shelf.lock().input_lines()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, Arc::clone(&state)));
    }
}

async fn converse(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(move |request| answer(Arc::clone(&state), request));
    // Whoever hangs up has had what it wanted.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let mut call = Recorded { method: head.method, path, headers: head.headers, body: Bytes::new() };
    if call.path == "/v1/mirror" {
        state.seen.lock().push(call);
        return Ok(Response::new(body.boxed_unsync()));
    }
    call.body = body.collect().await?.to_bytes();
    let answer = state.shelf.lock().answer(&call, &state.answer).unwrap_or_else(|| {
        let echo = serde_json::json!({"path": call.path, "bytes": call.body.len()});
        Bytes::from(echo.to_string())
    });
    state.seen.lock().push(call);
    let body = Full::from(answer).map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = state.status;
    let headers = response.headers_mut();
    headers.insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    headers.insert("x-upstream", hyper::header::HeaderValue::from_static("recorder"));
    Ok(response)
}
