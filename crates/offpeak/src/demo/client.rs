//! The demo's caller: sends every request at once and stays on the line, as many SDK clients would.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Tries of one request at most.
const TRIES: u32 = 50;

type Http = Client<HttpConnector, Full<Bytes>>;

/// What came of all requests.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Answers that matched their question.
    pub(super) right: u64,
    /// Answers that did not, and requests without one.
    pub(super) wrong: u64,
    /// Calls that were told to come back.
    pub(super) retries: u64,
    /// From a request's first byte to its answer's last.
    pub(super) latencies: Vec<Duration>,
    /// From the first request to the moment when the gateway had accepted all.
    pub(super) accepted_in: Option<Duration>,
    /// What the answers say they used.
    pub(super) input_tokens: u64,
    /// Likewise.
    pub(super) output_tokens: u64,
}

/// One request's end.
struct Answered {
    right: bool,
    retries: u32,
    took: Duration,
    usage: (u64, u64),
}

/// Sends every request and waits for every answer.
pub(super) async fn run(address: SocketAddr, requests: u32, bar: &ProgressBar) -> Tally {
    let client: Http = Client::builder(TokioExecutor::new()).build_http();
    let url: Arc<str> = format!("http://{address}/v1/chat/completions").into();
    let mut calls = JoinSet::new();
    let began = Instant::now();
    for number in 0..requests {
        calls.spawn(ask(client.clone(), Arc::clone(&url), number));
    }
    let accepted = tokio::spawn(all_accepted(client, address, requests, began));
    let mut tally = Tally::default();
    while let Some(call) = calls.join_next().await {
        let Ok(answered) = call else {
            tally.wrong += 1;
            continue;
        };
        tally.right += u64::from(answered.right);
        tally.wrong += u64::from(!answered.right);
        tally.retries += u64::from(answered.retries);
        tally.input_tokens += answered.usage.0;
        tally.output_tokens += answered.usage.1;
        tally.latencies.push(answered.took);
        bar.inc(1);
        bar.set_message(format!("{} wrong", tally.wrong));
    }
    tally.latencies.sort_unstable();
    tally.accepted_in = accepted.await.ok().flatten();
    tally
}

async fn ask(client: Http, url: Arc<str>, number: u32) -> Answered {
    let question = format!("What is {number} times {}?", number % 97);
    let began = Instant::now();
    let mut retries = 0;
    loop {
        let body = json!({"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": question}]}).to_string();
        let request = Request::post(&*url)
            .header("content-type", "application/json")
            .header("x-stainless-retry-count", retries)
            .body(Full::from(body));
        let response = match request {
            Ok(request) => client.request(request).await.ok(),
            Err(_) => None,
        };
        match response {
            Some(response) if response.status() == StatusCode::OK => {
                let (right, usage) = check(response, &question).await;
                return Answered { right, retries, took: began.elapsed(), usage };
            }
            Some(response) if response.status() != StatusCode::SERVICE_UNAVAILABLE => {
                return Answered { right: false, retries, took: began.elapsed(), usage: (0, 0) };
            }
            Some(_) | None if retries < TRIES => {
                retries += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Some(_) | None => return Answered { right: false, retries, took: began.elapsed(), usage: (0, 0) },
        }
    }
}

/// Whether the answer echoes the question, and what it used.
async fn check(response: Response<hyper::body::Incoming>, question: &str) -> (bool, (u64, u64)) {
    let Ok(body) = response.into_body().collect().await else { return (false, (0, 0)) };
    let Ok(answer) = serde_json::from_slice::<Value>(&body.to_bytes()) else { return (false, (0, 0)) };
    let content = answer.pointer("/choices/0/message/content").and_then(Value::as_str);
    let tokens = |name: &str| answer.pointer(name).and_then(Value::as_u64).unwrap_or(0);
    let right = content.and_then(|content| content.strip_prefix("echo: ")) == Some(question);
    (right, (tokens("/usage/prompt_tokens"), tokens("/usage/completion_tokens")))
}

/// Watches the gateway's own count until it has accepted every request.
async fn all_accepted(client: Http, address: SocketAddr, requests: u32, began: Instant) -> Option<Duration> {
    for _ in 0..2_000 {
        let uri = format!("http://{address}/stats").parse().ok()?;
        if let Ok(response) = client.get(uri).await
            && let Ok(body) = response.into_body().collect().await
            && let Ok(stats) = serde_json::from_slice::<Value>(&body.to_bytes())
            && stats.pointer("/requests/accepted").and_then(Value::as_u64) >= Some(u64::from(requests))
        {
            return Some(began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}
