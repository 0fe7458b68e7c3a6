//! How a background response ends otherwise: failed, cancelled, deleted; and ids that name none.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{Method, StatusCode};
use offpeak_api::{Relay, RelayError, Rules};
use offpeak_core::job::{Event, Failure};
use secrecy::SecretString;
use serde_json::json;

use crate::background::background;
use crate::door::{Door, Got, SUBMISSION, rules};

const ANSWER: &[u8] = br#"{"id":"theirs","status":"completed","output":[]}"#;

/// A front door with one queued response.
async fn created() -> (Door, Got, String) {
    let door = Door::new(rules());
    let created = door.respond(&background(), &[]).await;
    let path = format!("/v1/responses/{}", created.response("queued"));
    (door, created, path)
}

fn not_found(got: &Got) {
    assert_eq!((got.status, got.code().as_str()), (StatusCode::NOT_FOUND, "response_not_found"), "{}", got.text());
    assert!(got.text().contains("Response with id '"), "{}", got.text());
}

#[tokio::test]
async fn a_refused_line_is_a_failed_response_with_the_providers_words() {
    let (door, created, path) = created().await;
    let error = json!({"message": "Too long.", "type": "invalid_request_error", "param": "input", "code": "too_long"});
    door.answer(created.job(), 400, json!({"error": error}).to_string().as_bytes()).await;
    let failed = door.get(&path).await;
    failed.response("failed");
    assert_eq!(failed.json()["error"], error);
}

#[tokio::test]
async fn a_job_that_failed_or_expired_is_a_failed_response() {
    let failure = Failure { code: "refused".to_owned(), message: "The batch was refused.".to_owned() };
    for (event, message) in [(Event::Fail(failure), "The batch was refused."), (Event::Expire, "deadline")] {
        let (door, created, path) = created().await;
        door.happens(created.job(), event).await;
        let failed = door.get(&path).await;
        failed.response("failed");
        assert_eq!(failed.json()["error"]["code"], "server_error");
        assert!(failed.json()["error"]["message"].as_str().unwrap().contains(message), "{}", failed.text());
    }
}

#[tokio::test]
async fn an_answer_that_is_no_response_is_told_so() {
    let (door, created, path) = created().await;
    door.answer(created.job(), 200, b"[1]").await;
    let got = door.get(&path).await;
    assert_eq!((got.status, got.code().as_str()), (StatusCode::BAD_GATEWAY, "upstream_error"));
}

#[tokio::test]
async fn an_answer_larger_than_a_response_may_be_is_told_so() {
    let door = Door::sharing(Rules { response_bytes: Some(20), ..rules() });
    let created = door.respond(&background(), &[]).await;
    door.answer(created.job(), 200, ANSWER).await;
    let got = door.get(&format!("/v1/responses/resp_{}", created.job())).await;
    assert_eq!((got.status, got.code().as_str()), (StatusCode::BAD_GATEWAY, "response_too_large"));
    assert!(got.text().contains(&format!("/v1/jobs/{}/result", created.job())), "{}", got.text());
}

#[tokio::test]
async fn a_queued_response_is_cancelled_at_once_and_again_without_harm() {
    let (door, _, path) = created().await;
    for _ in 0..2 {
        door.call(Method::POST, &format!("{path}/cancel")).await.response("cancelled");
    }
    door.get(&path).await.response("cancelled");
}

#[tokio::test]
async fn a_packed_response_is_in_progress_until_its_batch_ends_and_a_paid_answer_is_given() {
    let (door, created, path) = created().await;
    door.happens(created.job(), Event::Claim(SUBMISSION)).await;
    for _ in 0..2 {
        door.call(Method::POST, &format!("{path}/cancel")).await.response("in_progress");
    }
    assert!(door.fakes.jobs.row(created.job()).unwrap().cancel_wished);
    door.happens(created.job(), Event::Requeue).await;
    door.answer(created.job(), 200, ANSWER).await;
    door.call(Method::POST, &format!("{path}/cancel")).await.response("completed");
    door.get(&path).await.response("completed");
}

#[tokio::test]
async fn a_deleted_response_is_not_found_and_its_answer_given_to_nobody() {
    let (door, created, path) = created().await;
    door.answer(created.job(), 200, ANSWER).await;
    let deleted = door.call(Method::DELETE, &path).await;
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(deleted.json(), json!({"id": id, "object": "response", "deleted": true}));
    not_found(&door.get(&path).await);
    not_found(&door.get(&format!("{path}?stream=true")).await);
    not_found(&door.call(Method::DELETE, &path).await);
    not_found(&door.call(Method::POST, &format!("{path}/cancel")).await);
    not_found(&door.get(&format!("{path}/input_items")).await);
    let result = door.get(&format!("/v1/jobs/{}/result", created.job())).await;
    assert_eq!((result.status, result.code().as_str()), (StatusCode::GONE, "response_deleted"));
    assert_eq!(door.get(&format!("/v1/jobs/{}", created.job())).await.json()["status"], "done", "kept for the ledger");
    let retry = door.respond(&background(), &[("x-stainless-retry-count", "1")]).await;
    assert_ne!(retry.job(), created.job(), "no retry finds what was deleted");
}

#[tokio::test]
async fn an_open_response_is_cancelled_with_its_deletion() {
    let (door, created, path) = created().await;
    assert_eq!(door.call(Method::DELETE, &path).await.status, StatusCode::OK);
    not_found(&door.get(&path).await);
    assert_eq!(door.get(&format!("/v1/jobs/{}", created.job())).await.json()["status"], "cancelled");
    let packed = door.respond(&background(), &[]).await;
    door.happens(packed.job(), Event::Claim(SUBMISSION)).await;
    let path = format!("/v1/responses/resp_{}", packed.job());
    assert_eq!(door.call(Method::DELETE, &path).await.status, StatusCode::OK);
    not_found(&door.get(&path).await);
    assert!(door.fakes.jobs.row(packed.job()).unwrap().cancel_wished);
}

#[tokio::test]
async fn the_key_of_a_deleted_response_answers_that_it_is_gone() {
    let door = Door::new(rules());
    let ask = async || door.respond(&background(), &[("idempotency-key", "k")]).await;
    let path = format!("/v1/responses/{}", ask().await.response("queued"));
    assert_eq!(door.call(Method::DELETE, &path).await.status, StatusCode::OK);
    let again = ask().await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::GONE, "response_deleted"));
}

/// Says which call arrived.
struct Mirror;

#[async_trait]
impl Relay for Mirror {
    async fn send(&self, request: Request, _: Option<&SecretString>) -> Result<Response, RelayError> {
        Ok(Response::new(Body::from(format!("{} {}", request.method(), request.uri()))))
    }
}

#[tokio::test]
async fn the_upstreams_ids_are_the_upstreams_and_ours_never_are() {
    let door = Door::relaying(rules(), Arc::new(Mirror));
    for (method, path) in [
        (Method::GET, "/v1/responses/resp_67cb32528d6881909eb2859a55e18a85?stream=odd&include=a&include=b"),
        (Method::GET, "/v1/responses/resp_0123456789abcdef0123456789abcdef/input_items"),
        (Method::POST, "/v1/responses/x/cancel"),
        (Method::DELETE, "/v1/responses/resp_"),
        (Method::POST, "/v1/responses/input_tokens"),
    ] {
        assert_eq!(door.call(method.clone(), path).await.text(), format!("{method} {path}"));
    }
    let chat = door.chat(&json!({})).await.job();
    let none = "resp_job_00000000000000000000000000000000";
    for id in [none, "resp_job_x", "resp_job_", "resp_job_0000000000000000000000000000000A", &format!("resp_{chat}")] {
        not_found(&door.get(&format!("/v1/responses/{id}")).await);
        not_found(&door.call(Method::POST, &format!("/v1/responses/{id}/cancel")).await);
        not_found(&door.call(Method::DELETE, &format!("/v1/responses/{id}")).await);
    }
}

#[tokio::test]
async fn the_input_of_a_response_is_not_listed() {
    let (door, _, path) = created().await;
    let got = door.get(&format!("{path}/input_items")).await;
    assert_eq!((got.status, got.code().as_str()), (StatusCode::NOT_IMPLEMENTED, "input_items_not_kept"));
    assert_eq!(got.header("x-should-retry"), "false");
}
