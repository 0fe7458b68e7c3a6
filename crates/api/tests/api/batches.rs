//! Batches: what can be said of them without running one, and every refusal in OpenAI's words.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use axum::body::Body;
use offpeak_api::{BatchRules, Rules};
use offpeak_core::batch::{Event, InputRule};
use offpeak_core::flows::batches;
use offpeak_core::ids::NativeBatchId;
use offpeak_core::ports::Batches as _;
use serde_json::{Value, json};

use crate::door::{Door, Got, rules};
use crate::form::{LINE, input};

const BATCHES: &str = "/v1/batches";

async fn stored(door: &Door, content: &str) -> String {
    input(content).post(door, "/v1/files").await.ok()["id"].as_str().unwrap().to_owned()
}

fn asked(file: &str) -> Value {
    json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"})
}

fn with(name: &str, value: Value) -> Value {
    let mut asked = asked("file_00000000000000000000000000000001");
    asked[name] = value;
    asked
}

async fn keyed(door: &Door, body: &Value) -> Got {
    let request = http::Request::post(BATCHES).header("idempotency-key", "monday");
    door.send(request.body(Body::from(body.to_string())).unwrap()).await
}

fn id(batch: &Value) -> NativeBatchId {
    batch["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_answered_at_once_with_every_field() {
    let door = Door::new(rules());
    let file = stored(&door, LINE).await;
    let mut body = asked(&file);
    body["metadata"] = json!({"team": "a"});
    body["output_expires_after"] = json!({"anchor": "created_at", "seconds": 3_600});
    let batch = door.post(BATCHES, &body).await.ok();
    let at = batch["created_at"].as_u64().unwrap();
    let want = json!({
        "id": batch["id"], "object": "batch", "endpoint": "/v1/chat/completions", "model": null, "errors": null,
        "input_file_id": file, "completion_window": "24h", "status": "validating", "output_file_id": null,
        "error_file_id": null, "created_at": at, "in_progress_at": null, "expires_at": at + 86_400,
        "finalizing_at": null, "completed_at": null, "failed_at": null, "expired_at": null, "cancelling_at": null,
        "cancelled_at": null, "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "usage": {
            "input_tokens": 0, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 0,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 0,
        },
        "metadata": {"team": "a"},
    });
    assert_eq!(batch, want);
    assert_eq!(door.get(&format!("{BATCHES}/{}", id(&batch))).await.ok(), want);
}

/// A body, and how it is refused: the field, the code, and a part of the message.
type Refused = (Value, &'static str, &'static str, &'static str);

async fn refuses(door: &Door, cases: Vec<Refused>) {
    for (body, param, code, part) in cases {
        let (message, found, found_code) = door.post(BATCHES, &body).await.error(400);
        assert_eq!((found, found_code), (json!(param), json!(code)), "{message}");
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(door.fakes.batches.snapshot(), [], "what is refused leaves nothing");
}

#[tokio::test]
async fn what_a_batch_may_not_say_is_refused_in_openais_words() {
    let cases = vec![
        (json!({}), "input_file_id", "missing_required_parameter", "Missing required parameter: 'input_file_id'."),
        (with("input_file_id", Value::Null), "input_file_id", "missing_required_parameter", "'input_file_id'"),
        (with("input_file_id", json!(7)), "input_file_id", "invalid_type", "expected a string, but got an integer"),
        (with("endpoint", Value::Null), "endpoint", "missing_required_parameter", "'endpoint'"),
        (with("endpoint", json!(["x"])), "endpoint", "invalid_type", "but got an array instead."),
        (
            with("endpoint", json!("/v1/invalid/endpoint")),
            "endpoint",
            "invalid_value",
            "Invalid value: '/v1/invalid/endpoint'. Supported values are: '/v1/chat/completions', ",
        ),
        (with("completion_window", Value::Null), "completion_window", "missing_required_parameter", "window'"),
        (with("completion_window", json!("1h")), "completion_window", "invalid_value", "Invalid value: '1h'."),
        (with("completion_window", json!("48h")), "completion_window", "invalid_value", "must be '24h'."),
        (with("completion_window", json!("")), "completion_window", "invalid_value", "Invalid value: ''."),
        (with("completion_window", json!(24)), "completion_window", "invalid_type", "a string, but got an integer"),
        (with("colour", json!("red")), "colour", "unknown_parameter", "Unknown parameter: 'colour'."),
        (with("requests", json!([{}])), "requests", "invalid_value", "not both"),
    ];
    let door = Door::new(rules());
    refuses(&door, cases).await;
    let send = |body: &'static str| door.send(http::Request::post(BATCHES).body(Body::from(body)).unwrap());
    for body in ["", "[]", "null", "{", "input_file_id=1"] {
        assert_eq!(send(body).await.error(400).2, json!("invalid_json"), "{body}");
    }
}

#[tokio::test]
async fn notes_and_expiries_have_openais_bounds() {
    let notes = |count: usize| (0..count).map(|at| (format!("k{at}"), json!("v"))).collect::<Value>();
    let expiry = |anchor: &str, seconds: Value| json!({"anchor": anchor, "seconds": seconds});
    let cases = vec![
        (with("metadata", json!([])), "metadata", "invalid_type", "expected an object, but got an array"),
        (
            with("metadata", json!({"tags": ["a"]})),
            "metadata.tags",
            "invalid_type",
            "Invalid type for 'metadata.tags': expected a string, but got an array instead.",
        ),
        (with("metadata", json!({"a": null})), "metadata.a", "invalid_type", "expected a string, but got null"),
        (with("metadata", json!({"a": true})), "metadata.a", "invalid_type", "expected a string, but got a boolean"),
        (with("metadata", notes(17)), "metadata", "object_above_max_properties", "got an object with 17 properties"),
        (with("metadata", json!({"a": "v".repeat(513)})), "metadata.a", "string_above_max_length", "length 513"),
        (
            with("output_expires_after", json!({"seconds": 3_600})),
            "output_expires_after.anchor",
            "missing_required_parameter",
            "anchor",
        ),
        (
            with("output_expires_after", expiry("completed_at", json!(3_600))),
            "output_expires_after.anchor",
            "invalid_value",
            "'created_at'",
        ),
        (
            with("output_expires_after", expiry("created_at", json!(3_599))),
            "output_expires_after.seconds",
            "integer_below_min_value",
            "Expected a value >= 3600, but got 3599 instead.",
        ),
        (
            with("output_expires_after", expiry("created_at", json!(2_592_001))),
            "output_expires_after.seconds",
            "integer_above_max_value",
            "Expected a value <= 2592000, but got 2592001 instead.",
        ),
        (
            with("output_expires_after", expiry("created_at", json!("3600"))),
            "output_expires_after.seconds",
            "invalid_type",
            "expected an integer, but got a string",
        ),
    ];
    let door = Door::new(rules());
    refuses(&door, cases).await;
    let long = with("metadata", json!({"k".repeat(65): "v"}));
    assert_eq!(door.post(BATCHES, &long).await.error(400).2, json!("string_above_max_length"));
    let fits = with("metadata", json!({"k".repeat(64): "\u{fc}".repeat(512)}));
    door.post(BATCHES, &fits).await.ok();
    door.post(BATCHES, &with("metadata", notes(16))).await.ok();
}

#[tokio::test]
async fn other_windows_are_taken_where_they_are_allowed() {
    let any = BatchRules { input: InputRule::Split, any_window: true };
    let door = Door::new(Rules { batches: any, ..rules() });
    for (window, seconds) in [("24h", 86_400), ("1h", 3_600), ("PT2H30M", 9_000), ("13d", 1_123_200), ("60s", 60)] {
        let batch = door.post(BATCHES, &with("completion_window", json!(window))).await.ok();
        let (from, to) = (batch["created_at"].as_u64().unwrap(), batch["expires_at"].as_u64().unwrap());
        assert_eq!((to - from, &batch["completion_window"]), (seconds, &json!(window)));
    }
    for window in ["59s", "14d", "-1h", "soon", ""] {
        let (_, param, code) = door.post(BATCHES, &with("completion_window", json!(window))).await.error(400);
        assert_eq!((param, code), (json!("completion_window"), json!("invalid_value")), "{window}");
    }
}

#[tokio::test]
async fn an_unknown_input_fails_the_batch_and_not_the_call() {
    let door = Door::new(rules());
    for unknown in ["file_00000000000000000000000000000001", "file-abc123", "x"] {
        let batch = door.post(BATCHES, &asked(unknown)).await.ok();
        assert_eq!((&batch["status"], &batch["input_file_id"]), (&json!("validating"), &json!(unknown)));
        batches::drive(&door.ports, id(&batch)).await.unwrap();
        let batch = door.get(&format!("{BATCHES}/{}", id(&batch))).await.ok();
        assert_eq!((&batch["status"], &batch["failed_at"]), (&json!("failed"), &batch["created_at"]));
        let error = &batch["errors"]["data"][0];
        assert_eq!((&error["code"], &error["param"]), (&json!("invalid_request"), &json!("file_id")));
        assert!(error["message"].as_str().unwrap().starts_with(&format!("Cannot find file {unknown}, ")), "{error}");
        assert_eq!((&error["line"], &batch["errors"]["object"]), (&Value::Null, &json!("list")));
    }
}

#[tokio::test]
async fn a_key_names_one_batch() {
    let door = Door::new(rules());
    let first = keyed(&door, &asked("file_00000000000000000000000000000001")).await.ok();
    assert_eq!(keyed(&door, &asked("file_00000000000000000000000000000001")).await.ok(), first);
    let got = keyed(&door, &asked("file_00000000000000000000000000000002")).await;
    assert_eq!(got.error(409).2, json!("idempotency_key_reused"));
    assert_eq!(got.header("x-should-retry"), "false");
    assert_eq!(door.fakes.batches.snapshot().len(), 1);
}

#[tokio::test]
async fn requests_in_the_call_itself_become_its_input() {
    let door = Door::new(rules());
    let body = |lines: &str| {
        format!(r#"{{"requests":[{lines}],"endpoint":"/v1/chat/completions","completion_window":"24h"}}"#)
    };
    let send = |body: String, key: Option<&'static str>| {
        let request = http::Request::post(BATCHES);
        let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
        door.send(request.body(Body::from(body)).unwrap())
    };
    let spread = LINE.replace(',', ",\r\n ");
    let batch = send(body(&format!("{LINE},\n{spread}")), None).await.ok();
    let content = door.get(&format!("/v1/files/{}/content", batch["input_file_id"].as_str().unwrap())).await;
    assert_eq!(content.text(), format!("{LINE}\n{}\n", spread.replace(['\r', '\n'], " ")));
    for (lines, param) in [("", "requests"), ("1", "requests[0]"), ("{},[]", "requests[1]")] {
        assert_eq!(send(body(lines), None).await.error(400).1, json!(param));
    }
    let first = send(body(LINE), Some("k")).await.ok();
    assert_eq!(send(body(LINE), Some("k")).await.ok(), first);
    assert_eq!(send(body(&spread), Some("k")).await.error(409).2, json!("idempotency_key_reused"));
    let other = body(LINE).replace("24h\"", "24h\",\"metadata\":{\"a\":\"b\"}");
    assert_eq!(send(other, Some("k")).await.error(409).2, json!("idempotency_key_reused"));
    let files = door.fakes.files.snapshot();
    let what = "what a repeat stored is gone, and what was refused, but not what the first is to read";
    assert_eq!((files.len(), door.fakes.objects.names().len()), (2, 2), "{what}");
    let wide = Door::new(Rules { max_body_bytes: 8 << 20, ..rules() });
    let large = body(&format!("{{\"custom_id\":\"{}\"}}", "x".repeat(4 << 20)));
    let got = wide.send(http::Request::post(BATCHES).body(Body::from(large)).unwrap()).await;
    assert_eq!(got.error(400).2, json!("request_too_large"));
}

#[tokio::test(start_paused = true)]
async fn batches_are_listed_newest_first() {
    let door = Door::new(rules());
    let mut newest_first = Vec::new();
    for _ in 0..25 {
        newest_first.insert(0, door.post(BATCHES, &asked("file_1")).await.ok()["id"].clone());
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    let page = async |query: &str| door.get(&format!("{BATCHES}{query}")).await.ok();
    let ids =
        |page: &Value| page["data"].as_array().unwrap().iter().map(|batch| batch["id"].clone()).collect::<Vec<_>>();
    let first = page("").await;
    assert_eq!((ids(&first), &first["has_more"]), (newest_first[..20].to_vec(), &json!(true)));
    assert_eq!(first["last_id"], newest_first[19]);
    let rest = page(&format!("?limit=100&after={}", newest_first[19].as_str().unwrap())).await;
    assert_eq!((ids(&rest), &rest["has_more"]), (newest_first[20..].to_vec(), &json!(false)));
    for (limit, code) in [("0", "integer_below_min_value"), ("101", "integer_above_max_value"), ("ten", "invalid_type")]
    {
        assert_eq!(door.get(&format!("{BATCHES}?limit={limit}")).await.error(400).2, json!(code));
    }
    for unknown in ["batch_00000000000000000000000000000000", "batch_x"] {
        let (message, _, code) = door.get(&format!("{BATCHES}?after={unknown}")).await.error(404);
        assert_eq!((message, code), (format!("No batch found with id '{unknown}'."), Value::Null));
    }
}

#[tokio::test]
async fn cancelling_twice_is_allowed_and_cancelling_what_ended_is_not() {
    let door = Door::new(rules());
    let file = stored(&door, "{}\n").await;
    let cancel = async |batch: &Value| {
        let request = http::Request::post(format!("{BATCHES}/{}/cancel", id(batch)));
        // As the Python SDK sends it: a type, and no body.
        door.send(request.header("content-type", "application/json").body(Body::empty()).unwrap()).await
    };
    let batch = door.post(BATCHES, &asked(&file)).await.ok();
    let cancelling = cancel(&batch).await.ok();
    assert_eq!(cancelling["status"], "cancelling");
    assert!(cancelling["cancelling_at"].is_u64());
    assert_eq!(cancel(&batch).await.ok(), cancelling);
    batches::drive(&door.ports, id(&batch)).await.unwrap();
    assert_eq!(cancel(&batch).await.ok()["status"], "cancelled");
    let failed = door.post(BATCHES, &asked(&file)).await.ok();
    batches::drive(&door.ports, id(&failed)).await.unwrap();
    let got = cancel(&failed).await;
    let want = ("Cannot cancel a batch with status 'failed'.".to_owned(), Value::Null, Value::Null);
    assert_eq!((got.error(409), got.header("x-should-retry")), (want, "false"));
}

#[tokio::test]
async fn a_batch_without_results_has_an_empty_page_and_nothing_to_retry() {
    let door = Door::new(rules());
    let batch = door.post(BATCHES, &asked("file_00000000000000000000000000000001")).await.ok();
    let path = format!("{BATCHES}/{}", id(&batch));
    let want = json!({"object": "list", "status": "validating", "data": [], "last_id": "0-0", "has_more": false});
    assert_eq!(door.get(&format!("{path}/results?after=0-0&limit=1000")).await.ok(), want);
    for (query, param) in [("after=1", "after"), ("after=", "after"), ("limit=0", "limit"), ("limit=1001", "limit")] {
        assert_eq!(door.get(&format!("{path}/results?{query}")).await.error(400).1, json!(param), "{query}");
    }
    let got = door.post(&format!("{path}/retry"), &json!({})).await;
    assert_eq!((got.error(409).2, got.header("x-should-retry")), (json!("nothing_to_retry"), "false"));
}

#[tokio::test]
async fn what_a_batch_left_is_named_once_it_has_ended() {
    let door = Door::new(rules());
    let batch = door.post(BATCHES, &asked("file_00000000000000000000000000000001")).await.ok();
    let row = door.fakes.batches.row(id(&batch)).unwrap();
    let split = row.after(Event::Split { parts: Vec::new(), lines: 0, model: Some("m".to_owned()) }, row.created_ms);
    let finalizing = split.unwrap().after(Event::Finalize, row.created_ms + 1_000).unwrap();
    assert!(door.fakes.batches.replace(&finalizing).await.unwrap());
    let shown = door.get(&format!("{BATCHES}/{}", id(&batch))).await.ok();
    assert_eq!((&shown["status"], &shown["model"]), (&json!("finalizing"), &json!("m")));
    batches::drive(&door.ports, id(&batch)).await.unwrap();
    let shown = door.get(&format!("{BATCHES}/{}", id(&batch))).await.ok();
    assert_eq!((&shown["status"], &shown["output_file_id"]), (&json!("completed"), &Value::Null));
    assert!(shown["completed_at"].is_u64() && shown["in_progress_at"].is_u64() && shown["failed_at"].is_null());
}
