//! Lambda's Runtime API on loopback, for one function that runs as a process of this machine.
//!
//! ```text
//! test ── invoke ──► next (long poll) ──► function
//!      ◄── pieces, as they come ── response | error ◄──
//! ```
//!
//! Unlike an emulator it shows a streamed answer piece by piece, and when the function first asked for work. Paths and
//! headers: "Using the Lambda runtime API for custom runtimes" and "Response streaming" of the Lambda guide, read
//! 2026-11-20.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use offpeak_tests::{PATIENCE, Process, until};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

const BASE: &str = "/2018-06-01/runtime/";

/// What the function's process and the test share.
#[derive(Debug)]
struct Desk {
    events: tokio::sync::Mutex<UnboundedReceiver<Event>>,
    answers: Mutex<HashMap<String, UnboundedSender<Piece>>>,
    first_poll: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Event {
    id: String,
    deadline_ms: u128,
    payload: Bytes,
}

#[derive(Debug)]
enum Piece {
    Head { streamed: bool, failed: bool },
    Body(Bytes),
}

/// The API, waiting for its function. It ends when dropped.
#[derive(Debug)]
pub struct RuntimeApi {
    address: String,
    desk: Arc<Desk>,
    events: UnboundedSender<Event>,
    numbers: AtomicU64,
    server: JoinHandle<()>,
}

/// A function as a process, and its Runtime API.
#[derive(Debug)]
pub struct LocalFunction {
    /// What invokes it.
    pub api: RuntimeApi,
    process: Process,
    started: Instant,
}

/// What a function answers to one invocation, as it comes.
#[derive(Debug)]
pub struct Reply {
    pieces: UnboundedReceiver<Piece>,
    /// Whether it answers in the streaming mode.
    pub streamed: bool,
    /// Whether it reports an error.
    pub failed: bool,
}

impl RuntimeApi {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its number").to_string();
        let (events, received) = unbounded_channel();
        let desk = Arc::new(Desk {
            events: tokio::sync::Mutex::new(received),
            answers: Mutex::default(),
            first_poll: Mutex::default(),
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&desk)));
        Self { address, desk, events, numbers: AtomicU64::new(0), server }
    }

    /// What `AWS_LAMBDA_RUNTIME_API` must say.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// When the function first asked for work, if it has.
    pub fn first_poll(&self) -> Option<Instant> {
        *self.desk.first_poll.lock()
    }

    /// Has the function handle an event within this time, and waits until its answer begins.
    pub async fn invoke(&self, event: &Value, within: Duration) -> Reply {
        let id = format!("invocation-{}", self.numbers.fetch_add(1, Ordering::Relaxed));
        let (sender, mut pieces) = unbounded_channel();
        self.desk.answers.lock().insert(id.clone(), sender);
        let deadline_ms = (unix_now() + within).as_millis();
        let event = Event { id, deadline_ms, payload: Bytes::from(event.to_string()) };
        self.events.send(event).expect("a server that runs");
        match tokio::time::timeout(within, pieces.recv()).await {
            Ok(Some(Piece::Head { streamed, failed })) => Reply { pieces, streamed, failed },
            other => panic!("the function did not answer: {other:?}"),
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Reply {
    /// The next piece; `None` at the end.
    pub async fn piece(&mut self) -> Option<Bytes> {
        match tokio::time::timeout(PATIENCE, self.pieces.recv()).await.expect("another piece, or the end") {
            Some(Piece::Body(bytes)) => Some(bytes),
            Some(Piece::Head { .. }) | None => None,
        }
    }

    /// All that is still to come.
    pub async fn rest(&mut self) -> Bytes {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await {
            whole.extend_from_slice(&piece);
        }
        Bytes::from(whole)
    }

    /// The answer as JSON, which it must be.
    pub async fn json(mut self) -> Value {
        let whole = self.rest().await;
        serde_json::from_slice(&whole).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&whole)))
    }
}

impl LocalFunction {
    /// Starts a function's binary with nothing but these variables and what Lambda sets; its log goes to a file.
    pub async fn start(binary: &Path, environment: &[(&str, &str)], log: &Path) -> Self {
        let api = RuntimeApi::start().await;
        let mut command = Command::new(binary);
        command.env_clear().envs(environment.iter().copied());
        command.env("AWS_LAMBDA_RUNTIME_API", api.address());
        command.envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "local"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]);
        let started = Instant::now();
        Self { process: Process::start(command, log), api, started }
    }

    /// Waits until it asks for work; says how long that took from its start, to a hundredth of a second or so.
    pub async fn ready(&mut self) -> Duration {
        until("a function that asks for work", PATIENCE, async || {
            assert_eq!(self.process.ended(), None, "it ended instead: {}", self.log());
            self.api.first_poll().map(|first| first - self.started)
        })
        .await
    }

    /// Waits for its end, before it has ever asked for work.
    pub async fn refuses(&mut self) -> ExitStatus {
        let ended = self.process.end_within(PATIENCE).await;
        assert!(self.api.first_poll().is_none(), "it asked for work first: {}", self.log());
        ended
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let desk = Arc::clone(&desk);
                async move { Ok::<_, Infallible>(answer(&desk, request).await) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            // The function may go away at any time.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(desk: &Desk, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().strip_prefix(BASE).unwrap_or_default().to_owned();
    match path.split('/').collect::<Vec<_>>()[..] {
        ["invocation", "next"] => next(desk).await,
        ["invocation", id, outcome @ ("response" | "error")] => {
            take(desk, id, outcome == "error", request).await;
            status(StatusCode::ACCEPTED)
        }
        ["init", "error"] => status(StatusCode::ACCEPTED),
        _ => status(StatusCode::NOT_FOUND),
    }
}

async fn next(desk: &Desk) -> Response<Full<Bytes>> {
    desk.first_poll.lock().get_or_insert_with(Instant::now);
    let Some(event) = desk.events.lock().await.recv().await else { return status(StatusCode::GONE) };
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", event.id)
        .header("lambda-runtime-deadline-ms", event.deadline_ms.to_string())
        .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:local")
        .header("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0");
    response.body(Full::from(event.payload)).expect("a response")
}

async fn take(desk: &Desk, id: &str, failed: bool, request: Request<Incoming>) {
    let Some(sender) = desk.answers.lock().remove(id) else { return };
    let mode = request.headers().get("lambda-runtime-function-response-mode");
    let streamed = mode.is_some_and(|mode| mode == "streaming");
    // Who asked may have gone: then nobody listens.
    let _ = sender.send(Piece::Head { streamed, failed });
    let mut body = request.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(bytes) = frame.into_data() {
            let _ = sender.send(Piece::Body(bytes));
        }
    }
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

#[expect(clippy::disallowed_methods, reason = "a deadline by the machine's clock, as Lambda gives it")]
fn unix_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970")
}
