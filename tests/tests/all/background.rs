//! `background: true`: a response that is created now and fetched later.

use std::time::Duration;

use hyper::Method;
use offpeak_simulator::Faults;
use offpeak_tests::{Answer, Gateway, Http, PATIENCE, Recorder, Upstream, chat, until};
use serde_json::{Value, json};

const RESPONSES: &str = "/v1/responses";

fn background(text: &str) -> Value {
    json!({"model": "gpt-4.1-mini", "input": text, "background": true})
}

/// Hands a question in; says the path of its response.
async fn created(http: &Http, text: &str) -> String {
    let created = http.post(RESPONSES, &background(text)).send().await;
    assert_eq!(created.status, 200, "{created:?}");
    let response = created.json();
    assert_eq!((&response["status"], &response["output"]), (&json!("queued"), &json!([])));
    assert_eq!(response["id"], format!("resp_{}", created.job()));
    format!("{RESPONSES}/resp_{}", created.job())
}

async fn becomes(http: &Http, path: &str, status: &str) -> Value {
    until(&format!("{path} {status}"), PATIENCE, async || {
        let response = http.json(path).await;
        (response["status"] == status).then_some(response)
    })
    .await
}

fn text(response: &Value) -> &str {
    response["output"][0]["content"][0]["text"].as_str().unwrap_or("")
}

fn not_found(answer: &Answer) {
    assert_eq!(answer.error(404), "response_not_found");
    assert_eq!(answer.header("x-should-retry"), "false");
}

/// A gateway whose jobs wait for an hour once the first have departed.
async fn waiting(upstream: &Upstream) -> Gateway {
    let gateway = Gateway::before(upstream).window("1h").start().await;
    gateway.http.post("/v1/chat/completions", &chat("first")).send().await.echoes("first");
    gateway
}

#[tokio::test]
async fn it_is_queued_in_progress_and_completed_across_a_kill() {
    let upstream = Upstream::slow(Duration::from_secs(2)).await;
    let mut gateway = Gateway::before(&upstream).start().await;
    let path = created(&gateway.http, "why?").await;
    becomes(&gateway.http, &path, "in_progress").await;
    gateway.kill();
    gateway.start().await;
    let response = becomes(&gateway.http, &path, "completed").await;
    assert_eq!((text(&response), &response["background"]), ("echo: why?", &json!(true)));
    assert_eq!(response["id"], path.rsplit('/').next().unwrap());
    assert_eq!(upstream.counts().lines_run, 1);
    gateway.passes_audit().await;
}

#[tokio::test]
async fn a_stream_that_was_cut_is_gone_on_with() {
    let upstream = Upstream::slow(Duration::from_secs(1)).await;
    let gateway = Gateway::before(&upstream).start().await;
    let mut body = background("why?");
    body["stream"] = json!(true);
    let whole = gateway.http.post(RESPONSES, &body).send().await;
    let events: Vec<String> = whole.text().split_inclusive("\n\n").map(str::to_owned).collect();
    assert!(events[0].starts_with("event: response.created\n") && events[1].starts_with("event: response.queued\n"));
    let path = format!("{RESPONSES}/resp_{}?stream=true", whole.job());
    let last = events.len() - 1;
    assert!(events[last].starts_with("event: response.completed\n"), "{}", whole.text());
    for after in [1, 4, last] {
        let rest = gateway.http.get(&format!("{path}&starting_after={after}")).send().await;
        let want: String = events[after + 1..].concat();
        assert_eq!(rest.text().trim_start_matches([':', '\n']), want, "after {after}");
    }
}

#[tokio::test]
async fn flex_consents_and_the_provider_never_hears_of_it() {
    let upstream = Recorder::answering(r#"{"id":"theirs","object":"response","status":"completed","output":[]}"#).await;
    let gateway = Gateway::before_url(upstream.url()).start().await;
    let body = json!({"model": "m", "input": "why?", "service_tier": "flex", "metadata": {"a": "b"}});
    let created = gateway.http.post(RESPONSES, &body).send().await.json();
    assert_eq!((&created["status"], &created["service_tier"]), (&json!("queued"), &json!("flex")));
    assert_eq!(created["metadata"], json!({"a": "b"}));
    let path = format!("{RESPONSES}/{}", created["id"].as_str().unwrap());
    becomes(&gateway.http, &path, "completed").await;
    let want =
        r#"{"background":true,"service_tier":"flex","id":"ID","object":"response","status":"completed","output":[]}"#;
    let got = gateway.http.get(&path).send().await;
    assert_eq!(got.text(), want.replace("ID", created["id"].as_str().unwrap()));
    assert!(upstream.lines()[0].ends_with(r#""body":{"input":"why?","metadata":{"a":"b"},"model":"m"}}"#));
}

#[tokio::test]
async fn one_that_waits_is_cancelled_at_once_and_deleted_for_good() {
    let upstream = Upstream::sound().await;
    let gateway = waiting(&upstream).await;
    let path = created(&gateway.http, "never mind").await;
    for _ in 0..2 {
        let cancelled = gateway.http.post(&format!("{path}/cancel"), &json!({})).send().await;
        assert_eq!((cancelled.status, &cancelled.json()["status"]), (200, &json!("cancelled")));
    }
    let other = created(&gateway.http, "nor this").await;
    let deleted = gateway.http.call(Method::DELETE, &other).send().await;
    assert_eq!((deleted.status, &deleted.json()["deleted"]), (200, &json!(true)));
    not_found(&gateway.http.get(&other).send().await);
    not_found(&gateway.http.call(Method::DELETE, &other).send().await);
    gateway.jobs_are(2, "cancelled").await;
    assert_eq!(upstream.counts().lines_run, 1, "only the first call's");
    gateway.passes_audit().await;
}

#[tokio::test]
async fn a_deletion_outlives_a_kill_and_takes_the_answer_with_it() {
    let upstream = Upstream::sound().await;
    let mut gateway = Gateway::before(&upstream).start().await;
    let path = created(&gateway.http, "why?").await;
    becomes(&gateway.http, &path, "completed").await;
    gateway.http.call(Method::DELETE, &path).send().await;
    gateway.kill();
    gateway.start().await;
    not_found(&gateway.http.get(&path).send().await);
    let job = path.trim_start_matches("/v1/responses/resp_");
    assert_eq!(gateway.http.get(&format!("/v1/jobs/{job}/result")).send().await.error(410), "response_deleted");
    gateway.passes_audit().await;
}

#[tokio::test]
async fn a_cancel_of_one_in_a_batch_is_a_wish() {
    let upstream = Upstream::with(Faults { stuck_batches: 1_000, ..Faults::default() }).await;
    let gateway = Gateway::before(&upstream).start().await;
    let path = created(&gateway.http, "why?").await;
    becomes(&gateway.http, &path, "in_progress").await;
    let cancelled = gateway.http.post(&format!("{path}/cancel"), &json!({})).send().await.json();
    assert_eq!(cancelled["status"], "in_progress", "it may still be answered, and paid for");
    let job = path.trim_start_matches("/v1/responses/resp_");
    assert_eq!(gateway.http.json(&format!("/v1/jobs/{job}")).await["cancel_requested"], json!(true));
}

#[tokio::test]
async fn a_line_that_the_provider_refused_is_a_failed_response() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let mut body = background("refuse me");
    body["user"] = json!("sim-status-404");
    let created = gateway.http.post(RESPONSES, &body).send().await;
    let path = format!("{RESPONSES}/resp_{}", created.job());
    let failed = becomes(&gateway.http, &path, "failed").await;
    assert_eq!(failed["error"]["code"], "simulated");
    assert!(failed["error"]["message"].as_str().unwrap().contains("refuse me"), "{failed}");
}

#[tokio::test]
async fn another_tenants_response_is_not_there() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).auth("keys").start().await;
    let acme = gateway.http.with_key(gateway.key_of("acme").await);
    let zenith = gateway.http.with_key(gateway.key_of("zenith").await);
    let path = created(&acme, "why?").await;
    let id = path.rsplit('/').next().unwrap();
    becomes(&acme, &path, "completed").await;
    let none = "resp_job_00000000000000000000000000000000";
    let long = "x".repeat(5_000);
    for id in [id, none, "resp_job_zz", "resp_0123456789abcdef0123456789abcdef", "x", &long] {
        let path = format!("{RESPONSES}/{id}");
        not_found(&zenith.get(&path).send().await);
        not_found(&zenith.get(&format!("{path}?stream=true")).send().await);
        not_found(&zenith.get(&format!("{path}/input_items")).send().await);
        not_found(&zenith.post(&format!("{path}/cancel"), &json!({})).send().await);
        not_found(&zenith.call(Method::DELETE, &path).send().await);
        assert_eq!(gateway.http.get(&path).send().await.error(401), "invalid_api_key");
    }
    let go_on = json!({"model": "gpt-4.1-mini", "input": "and?", "previous_response_id": id});
    assert_eq!(zenith.post(RESPONSES, &go_on).send().await.error(400), "previous_response_not_found");
    assert_eq!(text(&acme.json(&path).await), "echo: why?");
}

#[tokio::test]
async fn the_upstreams_own_responses_are_relayed_where_calls_are() {
    let upstream = Recorder::answering("{}").await;
    let gateway = Gateway::before_url(upstream.url()).auth("passthrough").start().await;
    let http = gateway.http.with_key("sk-caller");
    let theirs = "/v1/responses/resp_67cb32528d6881909eb2859a55e18a85";
    for (method, path) in [(Method::GET, theirs.to_owned()), (Method::DELETE, theirs.to_owned())] {
        assert_eq!(http.call(method.clone(), &path).send().await.header("x-upstream"), "recorder");
        let seen = upstream.calls(&path).pop().unwrap();
        assert_eq!((&seen.method, &seen.headers["authorization"].to_str().unwrap()), (&method, &"Bearer sk-caller"));
    }
    let path = created(&http, "why?").await;
    not_found(&gateway.http.with_key("sk-other").get(&path).send().await);
    assert!(upstream.calls(&path).is_empty(), "ours are never relayed");
}

#[tokio::test]
async fn what_cannot_be_a_background_response_is_refused() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    for (field, value) in [("store", json!(false)), ("background", json!("yes"))] {
        let mut body = background("why?");
        body[field] = value;
        let answer = gateway.http.post(RESPONSES, &body).send().await;
        assert_eq!(answer.error(400), "invalid_value");
        assert_eq!(answer.json()["error"]["param"], field);
    }
    let twice = r#"{"model":"gpt-4.1-mini","input":"i","service_tier":"flex","service_tier":"auto"}"#;
    let twice = gateway.http.post_bytes(RESPONSES, twice).header("content-type", "application/json").send().await;
    assert_eq!(
        (twice.error(400), &twice.json()["error"]["param"]),
        ("invalid_value".to_owned(), &json!("service_tier"))
    );
}
