//! What cannot become a job is refused with OpenAI's error envelope, at once, and leaves nothing behind.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Method;
use offpeak_tests::{Answer, Call, Gateway, Upstream, chat, hello};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

struct Door {
    gateway: Gateway,
    upstream: Upstream,
}

impl Door {
    async fn open() -> Self {
        Self::with("").await
    }

    async fn with(config: &str) -> Self {
        let upstream = Upstream::sound().await;
        let gateway = Gateway::before(&upstream).config(config).start().await;
        Self { gateway, upstream }
    }

    fn body(&self, body: impl Into<Bytes>) -> Call {
        self.gateway.http.post_bytes(CHAT, body).header("content-type", "application/json")
    }

    fn post(&self, body: &Value) -> Call {
        self.gateway.http.post(CHAT, body)
    }

    /// Nothing was stored and nothing was sent, and the gateway still serves.
    async fn is_clean(&self) {
        let stats = self.gateway.http.json("/stats").await;
        let stored: u64 = stats["jobs"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert_eq!(stored, 0, "{stats}");
        assert_eq!(self.upstream.counts().files_uploaded, 0);
        self.gateway.http.post(CHAT, &chat("still there?")).send().await.echoes("still there?");
    }
}

/// Refused with this status and code, and not to be retried.
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.error(status), code, "{answer:?}");
    assert_eq!(answer.header("x-should-retry"), "false", "{answer:?}");
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let door = Door::open().await;
    for body in ["{", "nope", "[]", "\"text\"", "null", "1", "{} {}", "{\"model\":}", "{'model':'m'}", "\u{feff}{}"] {
        refused(&door.body(body).send().await, 400, "invalid_json");
    }
    door.is_clean().await;
}

#[tokio::test]
async fn an_empty_body_is_refused() {
    let door = Door::open().await;
    refused(&door.body("").send().await, 400, "invalid_json");
    door.is_clean().await;
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let door = Door::open().await;
    let body = hello().to_string();
    for kind in ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "json"] {
        let call = door.gateway.http.post_bytes(CHAT, body.clone()).header("content-type", kind);
        refused(&call.send().await, 415, "unsupported_media_type");
    }
    let packed = door.body(body).header("content-encoding", "gzip");
    refused(&packed.send().await, 415, "unsupported_media_type");
    door.is_clean().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let door = Door::with("[server]\nmax_body_bytes = 1_000").await;
    let over = chat(&"x".repeat(1_000));
    refused(&door.post(&over).send().await, 413, "request_too_large");
    let chunked = crate::all::relay::post_in_pieces(&door.gateway, CHAT, over.to_string()).await;
    refused(&chunked, 413, "request_too_large");
    let fits = door.post(&chat(&"x".repeat(800))).send().await;
    assert_eq!(fits.status, 200, "{fits:?}");
}

#[tokio::test]
async fn a_missing_or_odd_model_is_refused() {
    let door = Door::open().await;
    for (body, code) in [
        (json!({"messages": []}), "missing_required_parameter"),
        (json!({"model": null, "messages": []}), "invalid_value"),
        (json!({"model": 4, "messages": []}), "invalid_value"),
        (json!({"model": "", "messages": []}), "invalid_value"),
        (json!({"model": "m".repeat(257), "messages": []}), "invalid_value"),
    ] {
        let answer = door.post(&body).send().await;
        refused(&answer, 400, code);
        assert_eq!(answer.json()["error"]["param"], "model");
    }
    let twice = door.body(r#"{"model":"a","model":"b","messages":[]}"#).send().await;
    refused(&twice, 400, "invalid_value");
    door.is_clean().await;
}

#[tokio::test]
async fn an_unknown_model_is_not_found() {
    let door = Door::with("[[route]]\nmodel = \"gpt-*\"").await;
    let answer = door.post(&json!({"model": "llama", "messages": []})).send().await;
    refused(&answer, 404, "model_not_found");
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("llama"));
    door.is_clean().await;
}

#[tokio::test]
async fn a_missing_field_is_named() {
    let door = Door::open().await;
    for (path, field) in [
        (CHAT, "messages"),
        ("/v1/completions", "prompt"),
        ("/v1/embeddings", "input"),
        ("/v1/responses", "input"),
        ("/v1/moderations", "input"),
    ] {
        let answer = door.gateway.http.post(path, &json!({"model": "gpt-4.1-mini"})).send().await;
        refused(&answer, 400, "missing_required_parameter");
        assert_eq!(answer.json()["error"]["param"], field, "{path}");
    }
    door.is_clean().await;
}

#[tokio::test]
async fn an_unknown_route_is_not_found() {
    let door = Door::open().await;
    for path in ["/", "/nope", "/v2/chat/completions", "/v1/jobs/job_x/y/z", "/v1/jobsters", "/v1/../stats"] {
        refused(&door.gateway.http.get(path).send().await, 404, "unknown_url");
    }
    for path in [CHAT, "/v1/responses"] {
        refused(&door.gateway.http.post(&format!("{path}/"), &hello()).send().await, 404, "unknown_url");
    }
    for path in ["/v1/models/a%2fb", "/v1/whatever/%2E%2E/x", "/v1//files", "/v1/a%5Cb"] {
        refused(&door.gateway.http.get(path).send().await, 404, "unknown_url");
    }
    refused(&door.gateway.http.call(Method::TRACE, "/v1/whatever").send().await, 404, "unknown_url");
    door.is_clean().await;
}

#[tokio::test]
async fn a_body_of_too_many_fields_is_refused() {
    let door = Door::open().await;
    let fields = r#","field":0"#.repeat(1_100);
    let body = format!(r#"{{"model":"gpt-4.1-mini","messages":[]{fields}}}"#);
    refused(&door.body(body).send().await, 400, "invalid_json");
    door.is_clean().await;
}

#[tokio::test]
async fn a_web_page_is_refused_where_no_key_is_asked_for() {
    let door = Door::open().await;
    let http = &door.gateway.http;
    refused(&door.post(&hello()).header("origin", "http://evil.example").send().await, 403, "foreign_origin");
    for path in ["/v1/jobs", "/v1/models", "/v1/whatever", "/stats"] {
        refused(&http.get(path).header("host", "rebound.example:8787").send().await, 403, "foreign_origin");
    }
    door.is_clean().await;
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).auth("keys").start().await;
    let http = &gateway.http;
    for value in ["", "Bearer", "Bearer ", "Bearer sk-offpeak-wrong", "Basic dTpw", "sk-offpeak-wrong"] {
        refused(&http.post(CHAT, &hello()).header("authorization", value).send().await, 401, "invalid_api_key");
    }
    refused(&http.post(CHAT, &hello()).send().await, 401, "invalid_api_key");
    for path in ["/v1/jobs", "/v1/models", "/v1/jobs/job_00000000000000000000000000000000", "/stats"] {
        refused(&http.get(path).send().await, 401, "invalid_api_key");
    }
    let http = http.with_key(gateway.key_of("acme").await);
    assert_eq!(http.json("/stats").await["jobs"]["queued"].as_u64().unwrap_or(0), 0);
}

#[tokio::test]
async fn an_idempotency_key_has_255_characters_at_most() {
    let door = Door::open().await;
    for key in ["k".repeat(256), String::new(), "k\u{e9}".to_owned()] {
        refused(&door.post(&hello()).header("idempotency-key", key).send().await, 400, "invalid_header");
    }
    door.is_clean().await;
    let longest = door.post(&chat("long")).header("idempotency-key", "k".repeat(255)).send().await;
    longest.echoes("long");
}

#[tokio::test]
async fn a_key_reused_for_another_body_is_a_conflict_that_no_sdk_retries() {
    let door = Door::open().await;
    let first = door.post(&chat("one")).header("idempotency-key", "invoice-1").send().await;
    first.echoes("one");
    let other = door.post(&chat("two")).header("idempotency-key", "invoice-1").send().await;
    refused(&other, 409, "idempotency_key_reused");
    let again = door.post(&chat("one")).header("idempotency-key", "invoice-1").send().await;
    assert_eq!((again.job(), &again.body), (first.job(), &first.body));
    assert_eq!(door.upstream.counts().lines_run, 1);
}

#[tokio::test]
async fn a_malformed_job_id_is_not_found() {
    let door = Door::open().await;
    let long = "x".repeat(5_000);
    for id in ["x", "job_", "job_zz", "job_%00", "%2e%2e", "batch_00000000000000000000000000000000", &long] {
        let http = &door.gateway.http;
        refused(&http.get(&format!("/v1/jobs/{id}")).send().await, 404, "job_not_found");
        refused(&http.get(&format!("/v1/jobs/{id}/result")).send().await, 404, "job_not_found");
        refused(&http.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).send().await, 404, "job_not_found");
    }
    door.is_clean().await;
}

#[tokio::test]
async fn numbers_out_of_range_are_refused() {
    let door = Door::open().await;
    for n in [json!(0), json!(-1), json!(129), json!(1.5), json!("2"), json!(1_000_000_000_000_u64)] {
        let mut body = hello();
        body["n"] = n;
        let answer = door.post(&body).send().await;
        refused(&answer, 400, "invalid_value");
        assert_eq!(answer.json()["error"]["param"], "n");
    }
    for deadline in ["0s", "-2h", "14d", "soon", "1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z", ""] {
        let answer = door.post(&hello()).header("x-offpeak-deadline", deadline).send().await;
        assert_eq!(answer.error(400), if deadline.is_empty() { "invalid_header" } else { "invalid_deadline" });
    }
    refused(&door.post(&hello()).header("x-offpeak-class", "never").send().await, 400, "unknown_class");
    for query in ["limit=0", "limit=101", "status=lost"] {
        refused(&door.gateway.http.get(&format!("/v1/jobs?{query}")).send().await, 400, "invalid_value");
    }
    door.is_clean().await;
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_refused_in_the_envelope() {
    let door = Door::open().await;
    for path in ["/v1/jobs?limit=many", "/v1/jobs?limit=-1", "/v1/jobs?limit=1&limit=2"] {
        assert_eq!(door.gateway.http.get(path).send().await.error(400), "invalid_value", "{path}");
    }
    for path in ["/v1/jobs/%ff", "/v1/jobs/%ff/result", "/v1/models/%ff"] {
        assert_eq!(door.gateway.http.get(path).send().await.error(404), "unknown_url", "{path}");
    }
}

#[tokio::test]
async fn invalid_utf8_is_refused() {
    let door = Door::open().await;
    let bodies: [&'static [u8]; 3] =
        [b"\xff\xfe", b"{\"model\":\"\xc3\x28\",\"messages\":[]}", b"{\"model\":\"m\xed\xa0\x80\"}"];
    for body in bodies {
        refused(&door.body(body).send().await, 400, "invalid_json");
    }
    door.is_clean().await;
}

#[tokio::test]
async fn a_nesting_bomb_is_refused_quickly() {
    let door = Door::open().await;
    let depth = 2_000_000;
    let bombs = [
        "[".repeat(depth),
        r#"{"a":"#.repeat(depth),
        format!(r#"{{"model":"m","messages":{}{}}}"#, "[".repeat(depth), "]".repeat(depth)),
        format!(r#"{{"model":"m","messages":{}{}}}"#, r#"{"a":"#.repeat(200), "}".repeat(200)),
    ];
    for bomb in bombs {
        let began = Instant::now();
        refused(&door.body(bomb).send().await, 400, "invalid_json");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    door.is_clean().await;
}
