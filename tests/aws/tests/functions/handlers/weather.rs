//! Services that refuse: in front of the emulator, every operation's first calls fail.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use offpeak_tests::{Answer, Http};
use offpeak_tests_aws::runtime;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The first calls of each operation, without effect: as many of a read as the SDK repeats by itself, more of others.
    First {
        /// Reads of rows.
        reads: u32,
        /// Everything else.
        others: u32,
    },
    /// Every other entry of the first batches sent to a queue or deleted from it.
    Entries(u32),
}

/// A refusing front of the emulator. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    pub(crate) url: String,
    seen: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Weather {
    /// Listens on a port of its own, on a thread that no test owns.
    pub(crate) fn before(emulator: &str, refusal: Refusal) -> Self {
        let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let weather = Self { url, seen: Arc::default() };
        let (serving, emulator) = (weather.clone(), Http::to(emulator));
        runtime().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (weather, emulator) = (serving.clone(), emulator.clone());
                tokio::spawn(async move {
                    let service = service_fn(|request| {
                        let (weather, emulator) = (weather.clone(), emulator.clone());
                        async move { Ok::<_, Infallible>(weather.pass(&emulator, refusal, request).await) }
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        weather
    }

    /// How often each operation was called.
    pub(crate) fn seen(&self) -> BTreeMap<String, u32> {
        self.seen.lock().clone()
    }

    async fn pass(&self, emulator: &Http, refusal: Refusal, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let operation = operation(&head.method, &head.headers);
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let body = body.collect().await.unwrap().to_bytes();
        let number = {
            let mut seen = self.seen.lock();
            let number = seen.entry(operation.clone()).or_default();
            *number += 1;
            *number
        };
        match refusal {
            Refusal::First { reads, others } if number <= if is_read(&operation) { reads } else { others } => {
                refused(&operation)
            }
            Refusal::Entries(count) if number <= count && operation.ends_with("Batch") => {
                partly(emulator, &path, &head.headers, &body).await
            }
            Refusal::First { .. } | Refusal::Entries(_) => {
                response(forward(emulator, head.method, &path, &head.headers, body).await)
            }
        }
    }
}

/// `AmazonSQS.SendMessage`, `DynamoDB_20120810.UpdateItem`, or `S3.PUT`.
fn operation(method: &Method, headers: &HeaderMap) -> String {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    target.map_or_else(|| format!("S3.{method}"), str::to_owned)
}

fn is_read(operation: &str) -> bool {
    operation.starts_with("DynamoDB") && ["GetItem", "Query", "Scan"].iter().any(|read| operation.ends_with(read))
}

/// As each service says that it is asked too much.
fn refused(operation: &str) -> Response<Full<Bytes>> {
    let (status, kind, body) = match operation.split(['_', '.']).next() {
        Some("DynamoDB") => {
            let error = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException";
            (400, "application/x-amz-json-1.0", json!({"__type": error, "message": "slow down"}).to_string())
        }
        Some("AmazonSQS") => {
            let error = json!({"__type": "com.amazonaws.sqs#ServiceUnavailable", "message": "slow down"});
            (503, "application/x-amz-json-1.0", error.to_string())
        }
        Some("TrentService") => {
            let error = json!({"__type": "ThrottlingException", "message": "slow down"});
            (400, "application/x-amz-json-1.1", error.to_string())
        }
        _ => (503, "application/xml", "<Error><Code>SlowDown</Code><Message>Slow down.</Message></Error>".to_owned()),
    };
    Response::builder().status(status).header("content-type", kind).body(Full::from(body)).unwrap()
}

/// Forwards every other entry of a batch, and says of the rest that they failed.
async fn partly(emulator: &Http, path: &str, headers: &HeaderMap, body: &[u8]) -> Response<Full<Bytes>> {
    let mut input: Value = serde_json::from_slice(body).unwrap();
    let entries = input["Entries"].as_array_mut().unwrap();
    let all = std::mem::take(entries);
    let (kept, lost): (Vec<_>, Vec<_>) = all.into_iter().enumerate().partition(|(n, _)| n % 2 == 0);
    entries.extend(kept.into_iter().map(|(_, entry)| entry));
    let answer = forward(emulator, Method::POST, path, headers, Bytes::from(input.to_string())).await;
    let mut told = answer.json();
    let failed = |(_, entry): (usize, Value)| json!({"Id": entry["Id"], "SenderFault": false, "Code": "InternalError", "Message": "later"});
    told["Failed"] = lost.into_iter().map(failed).collect();
    let builder = Response::builder().status(StatusCode::OK).header("content-type", "application/x-amz-json-1.0");
    builder.body(Full::from(told.to_string())).unwrap()
}

async fn forward(emulator: &Http, method: Method, path: &str, headers: &HeaderMap, body: Bytes) -> Answer {
    let mut call = emulator.call(method, path).body(body);
    let own = ["host", "content-length", "connection", "transfer-encoding"];
    for (name, value) in headers.iter().filter(|(name, _)| !own.contains(&name.as_str())) {
        call = call.header(name.as_str(), value.to_str().unwrap());
    }
    call.send().await
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
    *response.headers_mut() = answer.headers;
    response.headers_mut().remove("transfer-encoding");
    response
}
