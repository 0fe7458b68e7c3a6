//! Whatever is sent to the front door, it answers: never with 500, and where it says that a job waits, the job is there.
//!
//! The input reads like a request: a first line `METHOD PATH`, header lines, an empty line, the body.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use offpeak_api::{Abilities, Auth, BatchRules, Gateway, Pattern, Route, Routes, Rules, Target, Waiters, router};
use offpeak_core::class::Rule;
use offpeak_core::ids::{JobId, TenantId};
use offpeak_core::job::State;
use offpeak_core::ports::{Jobs, Ports, Settings, Telling};
use offpeak_testkit::fakes::{Carrier, Fakes, TokioClock};
use tower::ServiceExt;

struct Asked {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Reads as much of a request as there is.
fn asked(data: &[u8]) -> Option<Asked> {
    let mut rest = data;
    let mut line = || {
        let (line, after) = rest.split_at(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()));
        rest = after.get(1..).unwrap_or_default();
        line
    };
    let first = line();
    let (method, path) = std::str::from_utf8(first).ok()?.split_once(' ')?;
    let (method, path) = (Method::from_bytes(method.as_bytes()).ok()?, path.to_owned());
    let mut headers = HeaderMap::new();
    loop {
        let line = line();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(line[colon + 1..].trim_ascii()))
        else {
            continue;
        };
        headers.append(name, value);
    }
    Some(Asked { method, path, headers, body: Bytes::copy_from_slice(rest) })
}

fn front_door(fakes: &Fakes, not_ready_status: u16) -> axum::Router {
    let rule = Rule::Window { window_ms: 60_000, max_jobs: None };
    let settings = Settings {
        classes: BTreeMap::from([("soon".to_owned(), rule)]),
        telling: Telling { webhooks: true, bus: false },
        ..Settings::default()
    };
    let waiters = Arc::new(Waiters::default());
    let ports = Ports { wake: Arc::<Waiters>::clone(&waiters), ..fakes.ports(BTreeMap::new(), settings) };
    let route = |model: &str, upstream_model: Option<&str>| Route {
        model: Pattern::new(model),
        target: Target { upstream_model: upstream_model.map(str::to_owned), ..Target::to("openai") },
        then: Vec::new(),
        class: "soon".to_owned(),
        deadline_ms: None,
    };
    let rules = Rules {
        hold_ms: 40_000,
        not_ready_status,
        retry_after_s: 30,
        redirect: false,
        max_body_bytes: 1 << 20,
        max_file_bytes: 1 << 20,
        batches: BatchRules::default(),
        deadline_ms: 3_600_000,
        relay_allow: Vec::new(),
        look_ms: 30_000,
        stream_hold_ms: None,
        response_bytes: None,
        relay_bytes: None,
        relay_ms: None,
    };
    let (index, walk) = (Some(Arc::new(fakes.jobs.clone()) as Arc<_>), Some(Arc::new(fakes.jobs.clone()) as Arc<_>));
    let deliver = Some(Arc::new(Carrier::default()) as Arc<_>);
    let abilities = Abilities { index, walk, relay: None, share: None, deliver, work: None };
    let routes = Routes(vec![route("small*", Some("large")), route("*", None)]);
    let auth = (Auth::Open, Arc::new(fakes.keys.clone()) as Arc<_>);
    router(Arc::new(Gateway::new(ports, waiters, auth, routes, rules, abilities)))
}

async fn ask(asked: &Asked, not_ready_status: u16) {
    let fakes = Fakes::new(&TokioClock::default(), 1);
    let mut request = Request::builder().method(&asked.method).uri(&asked.path);
    let Some(headers) = request.headers_mut() else { return };
    headers.clone_from(&asked.headers);
    let Ok(request) = request.body(Body::from(asked.body.clone())) else { return };
    let Ok(response) = front_door(&fakes, not_ready_status).oneshot(request).await;
    let (head, body) = response.into_parts();
    let streams = head.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
    // A stream stays open until its job has ended, and nobody works here; every other answer comes in time.
    let body = match tokio::time::timeout(Duration::from_secs(90), body.collect()).await {
        Ok(body) => body.expect("a body").to_bytes(),
        Err(_) => Bytes::new(),
    };
    assert!(streams || head.status == StatusCode::SEE_OTHER || !body.is_empty(), "no answer: {head:?}");
    assert_ne!(head.status, StatusCode::INTERNAL_SERVER_ERROR, "{body:?}");
    if head.status.is_client_error() || head.status.is_server_error() {
        let error: serde_json::Value = serde_json::from_slice(&body).expect("an error in JSON");
        assert!(error["error"]["code"].is_string() && error["error"]["message"].is_string(), "{error}");
    }
    let Some(job) = head.headers.get("x-offpeak-job") else { return };
    let job: JobId = job.to_str().expect("text").parse().expect("a job's id");
    let row = fakes.jobs.get(&[job]).await.expect("the store").pop().flatten().expect("the job of the answer");
    assert_eq!(row.tenant, TenantId::from("default"));
    let pending = [StatusCode::ACCEPTED.as_u16(), not_ready_status].contains(&head.status.as_u16()) || streams;
    assert!(!pending || matches!(row.state, State::Queued | State::Expired), "{:?}", row.state);
}

fuzz_target!(|data: &[u8]| {
    let Some(asked) = asked(data) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        ask(&asked, 503).await;
        ask(&asked, 422).await;
    });
});
