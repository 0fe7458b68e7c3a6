//! A background response from its creation to its answer, and who gets which.

use http::StatusCode;
use offpeak_core::job::Event;
use serde_json::{Value, json};

use crate::door::{Door, Got, SUBMISSION, rules};

/// The provider's answer, spelled oddly.
const ANSWER: &str = r#" {"id" : "resp_theirs", "x":1.50e+4, "background":false, "status": "completed","service_tier":"default", "output":[{"id":"i\u0069"}]}"#;

/// The same as the caller gets it; `ID` is its own.
const OURS: &str = r#" {"id" : "ID", "x":1.50e+4, "background":true, "status": "completed","service_tier":"flex", "output":[{"id":"i\u0069"}]}"#;

pub(crate) fn background() -> Value {
    json!({"background": true})
}

#[tokio::test]
async fn it_is_queued_at_once_then_in_progress_then_the_providers_answer_but_for_three_fields() {
    let door = Door::new(rules());
    let created = door.respond(&background(), &[]).await;
    let path = format!("/v1/responses/{}", created.response("queued"));
    assert_eq!(door.get(&path).await.body, created.body, "nothing was said that the row does not know");
    door.happens(created.job(), Event::Claim(SUBMISSION)).await;
    door.get(&path).await.response("in_progress");
    door.happens(created.job(), Event::Requeue).await;
    door.get(&path).await.response("queued");
    door.answer(created.job(), 200, ANSWER.as_bytes()).await;
    let id = door.get(&path).await.response("completed");
    assert_eq!(door.get(&path).await.text(), OURS.replace("ID", &id));
    let theirs = door.get(&format!("/v1/jobs/{}/result", created.job())).await;
    assert_eq!(theirs.text(), ANSWER, "the job's result stays the provider's");
}

#[tokio::test]
async fn a_queued_response_has_every_required_field_and_repeats_what_its_request_says() {
    let door = Door::new(rules());
    let bare = door.respond(&background(), &[]).await.json();
    let required = [
        ("object", json!("response")),
        ("error", Value::Null),
        ("incomplete_details", Value::Null),
        ("instructions", Value::Null),
        ("metadata", Value::Null),
        ("model", json!("m")),
        ("output", json!([])),
        ("parallel_tool_calls", json!(true)),
        ("temperature", Value::Null),
        ("tool_choice", json!("auto")),
        ("tools", json!([])),
        ("top_p", Value::Null),
        ("background", json!(true)),
        ("service_tier", json!("flex")),
    ];
    for (field, want) in required {
        assert_eq!(bare.get(field), Some(&want), "{field}");
    }
    assert!(bare["created_at"].is_u64());
    let said = json!({
        "background": true, "instructions": "Be brief.", "metadata": {"a": "b"}, "parallel_tool_calls": false,
        "temperature": 0.25, "tool_choice": "none", "tools": [{"type": "function", "name": "f"}], "top_p": 0.5,
        "text": {"format": {"type": "text"}}, "max_output_tokens": 9,
    });
    let told = door.respond(&said, &[]).await.json();
    for (field, want) in said.as_object().unwrap() {
        assert_eq!(&told[field], want, "{field}");
    }
    let long = json!({"background": true, "instructions": "x".repeat(70_000), "service_tier": "priority"});
    let told = door.respond(&long, &[]).await.json();
    assert_eq!((&told["instructions"], &told["service_tier"]), (&Value::Null, &json!("flex")));
}

#[tokio::test]
async fn flex_consents_and_neither_it_nor_background_reaches_the_provider() {
    for fields in [json!({"service_tier": "flex"}), json!({"background": true, "service_tier": "flex"})] {
        let door = Door::new(rules());
        door.respond(&fields, &[]).await.response("queued");
        assert_eq!(door.line().await, json!({"model": "m", "input": "why?"}));
    }
    let door = Door::new(rules());
    for fields in [json!({"service_tier": "flex", "background": false}), json!({"service_tier": "auto"})] {
        assert_eq!(door.respond(&fields, &[]).await.code(), "result_pending", "held like any other: {fields}");
    }
}

#[tokio::test]
async fn each_create_is_a_response_of_its_own_and_its_retry_finds_it() {
    let door = Door::new(rules());
    let ask = async |count: &'static str| {
        door.respond(&background(), &[("x-stainless-retry-count", count)]).await.response("queued")
    };
    let first = ask("0").await;
    assert_eq!(ask("1").await, first, "its reply was lost");
    assert_eq!(ask("2").await, first, "again");
    let second = ask("0").await;
    assert_ne!(second, first, "a second sample");
    let third = ask("1").await;
    assert!(third != first && third != second, "whose retry it is cannot be told: nobody gets another's sample");
    assert_eq!(door.fakes.jobs.snapshot().len(), 3);
}

#[tokio::test]
async fn an_idempotency_key_names_one_response_in_every_state() {
    let door = Door::new(rules());
    let ask = async || door.respond(&background(), &[("idempotency-key", "k")]).await;
    let created = ask().await;
    let id = created.response("queued");
    assert_eq!(ask().await.response("queued"), id);
    door.answer(created.job(), 200, ANSWER.as_bytes()).await;
    assert_eq!(ask().await.text(), OURS.replace("ID", &id));
    let other = door.respond(&json!({"background": true, "input": "else"}), &[("idempotency-key", "k")]).await;
    assert_eq!((other.status, other.code().as_str()), (StatusCode::CONFLICT, "idempotency_key_reused"));
}

#[tokio::test]
async fn what_could_not_be_fetched_later_is_refused() {
    let door = Door::new(rules());
    let refused = door.respond(&json!({"background": true, "store": false}), &[]).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::BAD_REQUEST, "invalid_value"));
    assert_eq!(refused.json()["error"]["param"], "store");
    let odd = door.respond(&json!({"background": "yes"}), &[]).await;
    assert_eq!((odd.status, &odd.json()["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("background")));
    assert!(door.fakes.jobs.snapshot().is_empty());
}

#[tokio::test]
async fn a_request_goes_on_from_a_response_by_its_id() {
    let door = Door::new(rules());
    let first = door.respond(&background(), &[]).await;
    let id = first.response("queued");
    let go_on = async || door.respond(&json!({"previous_response_id": id, "background": true}), &[]).await;
    let early = go_on().await;
    assert_eq!((early.status, early.code().as_str()), (StatusCode::BAD_REQUEST, "previous_response_not_found"));
    assert_eq!(door.line().await["input"], "why?");
    door.answer(first.job(), 200, ANSWER.as_bytes()).await;
    let second: Got = go_on().await;
    second.response("queued");
    assert_eq!(door.line().await["previous_response_id"], "resp_theirs", "the provider knows no other");
    for unknown in ["resp_job_00000000000000000000000000000000", "resp_job_x"] {
        let refused = door.respond(&json!({"previous_response_id": unknown}), &[]).await;
        assert_eq!(refused.code(), "previous_response_not_found");
    }
    let theirs = door.respond(&json!({"previous_response_id": "resp_theirs", "background": true}), &[]).await;
    theirs.response("queued");
}
