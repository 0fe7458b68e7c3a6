//! Callers that repeat themselves until they are answered, as SDKs do.

use std::sync::LazyLock;

use axum::Router;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::http::request::Builder;
use hyper::{HeaderMap, Request, StatusCode};
use offpeak_tests_aws::noise;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// The key that callers show: the provider's, or where calls are live the gateway's.
pub(crate) const KEY: &str = "sk-callers-own";

/// How a caller waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It repeats its request, under an `Idempotency-Key`.
    Keyed,
    /// It repeats its request, with the SDK's retry count.
    Unkeyed,
    /// It asks for the job, and fetches the result by its id.
    Async,
}

/// One caller of one request.
#[derive(Debug)]
pub(crate) struct Caller {
    number: usize,
    way: Way,
    withdraws: bool,
    /// Calls begun so far, lost ones included.
    tries: u32,
    /// Its job, once it was told.
    job: Option<String>,
    withdrawn: bool,
    /// Status and body of its final answer.
    answer: Option<(u16, Bytes)>,
}

impl Caller {
    /// So many callers of different questions. The body of the first one's is too long for a message; the sixth withdraws
    /// its job.
    pub(crate) fn several(count: usize) -> Vec<Self> {
        let ways = [Way::Keyed, Way::Unkeyed, Way::Async];
        let callers = (0..count).map(|number| Self {
            number,
            way: ways[number % ways.len()],
            withdraws: number == 5,
            tries: 0,
            job: None,
            withdrawn: false,
            answer: None,
        });
        callers.collect()
    }

    /// Its job, if it was told.
    pub(crate) fn job(&self) -> Option<&str> {
        self.job.as_deref()
    }

    /// Whether its job never ran, by its wish.
    pub(crate) fn withdraws(&self) -> bool {
        self.withdraws
    }

    /// Has its request accepted, and withdrawn if that is its wish.
    pub(crate) async fn enter(&mut self, door: &Router) {
        if self.job.is_none() {
            let (status, headers, body) = self.ask(door).await;
            let expected = if self.way == Way::Async { StatusCode::ACCEPTED } else { StatusCode::SERVICE_UNAVAILABLE };
            assert_eq!(status, expected, "{self:?}: {body:?}");
            let job = headers.get("x-offpeak-job").unwrap_or_else(|| panic!("no job: {body:?}"));
            self.job = Some(job.to_str().unwrap().to_owned());
        }
        if self.withdraws && !self.withdrawn {
            let request = Request::post(format!("/v1/jobs/{}/cancel", self.job.as_deref().unwrap()));
            let (status, _, body) = send(door, request, Bytes::new()).await;
            let shown: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((status, shown["status"].as_str()), (StatusCode::OK, Some("cancelled")), "{shown}");
            self.withdrawn = true;
        }
    }

    /// Fetches its answer, which must be there.
    pub(crate) async fn leave(&mut self, door: &Router) {
        if self.answer.is_some() {
            return;
        }
        let (status, _, body) = match (self.way, &self.job) {
            (Way::Async, Some(job)) => send(door, Request::get(format!("/v1/jobs/{job}/result")), Bytes::new()).await,
            (Way::Keyed | Way::Unkeyed | Way::Async, _) => self.ask(door).await,
        };
        self.answer = Some((status.as_u16(), body));
    }

    /// What is wrong with its answer.
    pub(crate) fn complaint(&self) -> Option<String> {
        let Some((status, body)) = &self.answer else { return Some(format!("{self:?} was never answered")) };
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let answered = *status == 200 && body["echo"] == self.question();
        let right = if self.withdraws { *status == 410 } else { answered };
        (!right).then(|| format!("{self:?} was answered {status}: {body}"))
    }

    /// What it asks, and nobody else.
    pub(crate) fn question(&self) -> String {
        format!("question {}", self.number)
    }

    /// The request, as often as it takes: each time with one more retry.
    async fn ask(&mut self, door: &Router) -> (StatusCode, HeaderMap, Bytes) {
        let content = if self.number == 0 { bulk() } else { "?" };
        let messages = json!([{"role": "user", "content": content}]);
        let body = json!({"model": "gpt-4o-mini", "messages": messages, "q": self.question()}).to_string();
        let mut request = Request::post("/v1/chat/completions").header("content-type", "application/json");
        request = match self.way {
            Way::Keyed => request.header("idempotency-key", format!("key-{}", self.number)),
            Way::Unkeyed => request,
            Way::Async => request.header("prefer", "respond-async"),
        };
        request = request.header("x-stainless-retry-count", self.tries.to_string());
        // Counted before it is sent: it may be lost on its way.
        self.tries += 1;
        send(door, request, Bytes::from(body)).await
    }
}

/// More than a message carries, however well it is compressed: 448 KiB.
fn bulk() -> &'static str {
    static BULK: LazyLock<String> = LazyLock::new(|| noise(1, 500_000));
    &BULK
}

/// One call of a front door.
pub(crate) async fn send(door: &Router, request: Builder, body: Bytes) -> (StatusCode, HeaderMap, Bytes) {
    let request = request.header("authorization", format!("Bearer {KEY}")).body(Full::from(body)).unwrap();
    let answer = door.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
    let (head, body) = answer.into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes())
}
