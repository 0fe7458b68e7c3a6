//! What a call that picks up, or comes too early, asks of the stores: on AWS each has its price (docs/waiting.md).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::body::Body;
use http::StatusCode;
use offpeak_api::Rules;

use crate::door::{Door, Got, rules};

const ANSWER: &[u8] = b"{\"id\":\"a\"}";

/// The same question as an SDK asks it for this time, without a key.
async fn ask(door: &Door, retry_count: u32) -> Got {
    let request = http::Request::post("/v1/chat/completions").header("x-stainless-retry-count", retry_count);
    let body = r#"{"model":"m","messages":[{"role":"user","content":"why?"}]}"#;
    door.send(request.body(Body::from(body)).unwrap()).await
}

/// A job that waits, and that a call has joined before.
async fn joined(door: &Door) -> Got {
    ask(door, 0).await;
    let got = ask(door, 1).await;
    door.called();
    got
}

#[tokio::test]
async fn a_call_that_comes_too_early_reads_one_row() {
    let door = Door::new(rules());
    let job = joined(&door).await.job();
    for got in [ask(&door, 2).await, door.get(&format!("/v1/jobs/{job}/result")).await] {
        assert_eq!((got.status, got.job()), (StatusCode::SERVICE_UNAVAILABLE, job));
    }
    assert_eq!(door.called(), [("jobs.get", 2)], "one each");
}

#[tokio::test]
async fn an_answer_to_a_repeated_call_takes_a_row_a_mark_and_a_range() {
    let door = Door::new(rules());
    let job = joined(&door).await.job();
    door.answer(job, 200, ANSWER).await;
    let got = ask(&door, 2).await;
    assert_eq!((got.status, got.body.as_ref()), (StatusCode::OK, ANSWER));
    assert_eq!(door.called(), [("jobs.get", 1), ("jobs.mark", 1), ("objects.read", 1)]);
}

#[tokio::test]
async fn an_answer_that_is_fetched_again_is_marked_once() {
    let door = Door::new(rules());
    let job = joined(&door).await.job();
    door.answer(job, 200, ANSWER).await;
    let fetch = async || assert_eq!(door.get(&format!("/v1/jobs/{job}/result")).await.body, ANSWER);
    fetch().await;
    assert_eq!(door.called(), [("jobs.get", 1), ("jobs.mark", 1), ("objects.read", 1)]);
    fetch().await;
    assert_eq!(door.called(), [("jobs.get", 1), ("objects.read", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_held_call_looks_once_more_after_it_listens() {
    let door = Door::new(Rules { hold_ms: 10_000, ..rules() });
    let job = joined(&door).await.job();
    assert_eq!(ask(&door, 2).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(door.called(), [("jobs.get", 3)], "when it came, when it listened, when its time was up");
    door.answer(job, 200, ANSWER).await;
    assert_eq!(ask(&door, 3).await.body, ANSWER);
}
