use std::time::{Duration, Instant};

use offpeak_simulator::Faults;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::upstream::{Upstream, chat_lines, order};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn an_order_is_checked_before_anything_happens() {
    let upstream = Upstream::sound().await;
    let sound = order("file-1", CHAT);
    let cases = [
        ("input_file_id", Value::Null, "input_file_id", "missing_required_parameter"),
        ("endpoint", json!("/v1/invalid/endpoint"), "endpoint", "invalid_value"),
        ("completion_window", json!("48h"), "completion_window", "invalid_value"),
        ("metadata", json!({ "tags": ["a"] }), "metadata.tags", "invalid_type"),
        ("metadata", json!({ "key": "x".repeat(513) }), "metadata.key", "string_above_max_length"),
        ("output_expires_after", json!({ "seconds": 5 }), "output_expires_after.seconds", "invalid_value"),
    ];
    for (field, value, param, code) in cases {
        let mut body = sound.clone();
        body[field] = value;
        let refused = upstream.post("/v1/batches", &body).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{field}");
        let error = refused.json::<Value>().await.unwrap()["error"].take();
        assert_eq!((&error["param"], &error["code"]), (&json!(param), &json!(code)));
    }
    let tags =
        json!({ "input_file_id": "f", "endpoint": CHAT, "completion_window": "24h", "metadata": { "tags": [] } });
    let message = upstream.post_json("/v1/batches", &tags).await["error"]["message"].take();
    assert_eq!(message, "Invalid type for 'metadata.tags': expected a string, but got an array instead.");
    assert_eq!(upstream.counts().batches_created, 0);
}

#[tokio::test]
async fn an_unknown_input_file_fails_the_batch_later() {
    let upstream = Upstream::sound().await;
    let created = upstream.post_json("/v1/batches", &order("file-none", CHAT)).await;
    assert_eq!(created["status"], "validating");
    let failed = upstream.poll(&created).await;
    assert_eq!(failed["status"], "failed");
    let error = &failed["errors"]["data"][0];
    assert_eq!(
        (&error["code"], &error["param"], &error["line"]),
        (&json!("invalid_request"), &json!("file_id"), &Value::Null)
    );
    assert!(error["message"].as_str().unwrap().starts_with("Cannot find file file-none, or organization"));
}

#[tokio::test]
async fn a_creation_can_be_refused_without_effect() {
    let faults = Faults { rate_limit_creates: 1, create_500_before: 1, ..Faults::default() };
    let upstream = Upstream::with_faults(faults).await;
    let body = order(&upstream.upload(&chat_lines(1)).await, CHAT);
    let limited = upstream.post("/v1/batches", &body).await;
    assert_eq!(
        (limited.status(), &limited.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap())
    );
    assert_eq!(upstream.post("/v1/batches", &body).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(upstream.counts().batches_created, 0);
    assert_eq!(upstream.post("/v1/batches", &body).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_creation_can_take_effect_and_lose_its_answer() {
    let faults = Faults { create_cut_after: 1, create_500_after: 1, ..Faults::default() };
    let upstream = Upstream::with_faults(faults).await;
    let body = order(&upstream.upload(&chat_lines(1)).await, CHAT);
    let cut = upstream.try_post("/v1/batches", &body).await;
    assert!(cut.unwrap_err().is_request());
    assert_eq!(upstream.counts().batches_created, 1);
    assert_eq!(upstream.post("/v1/batches", &body).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(upstream.counts().batches_created, 2);
    assert_eq!(upstream.get_json("/v1/batches").await["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_creation_takes_effect_after_its_caller_has_gone() {
    let upstream = Upstream::with_faults(Faults { create_delay_ms: 150, ..Faults::default() }).await;
    let body = order(&upstream.upload(&chat_lines(1)).await, CHAT);
    let impatient = tokio::time::timeout(Duration::from_millis(50), upstream.post("/v1/batches", &body)).await;
    assert!(impatient.is_err());
    assert_eq!(upstream.counts().batches_created, 0);
    while upstream.counts().batches_created == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_creation_can_be_answered_late() {
    let upstream = Upstream::with_faults(Faults { create_reply_delay_ms: 200, ..Faults::default() }).await;
    let body = order(&upstream.upload(&chat_lines(1)).await, CHAT);
    let started = Instant::now();
    let (answer, ()) = tokio::join!(upstream.post("/v1/batches", &body), async {
        while upstream.counts().batches_created == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(started.elapsed() < Duration::from_millis(190));
    });
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn every_call_can_be_slow() {
    let upstream = Upstream::with_faults(Faults { slow_ms: 60, ..Faults::default() }).await;
    let started = Instant::now();
    upstream.get_json("/v1/models").await;
    assert!(started.elapsed() >= Duration::from_millis(60));
}
