//! `stream: true` where nothing can be kept open for long.

use std::time::Duration;

use http::StatusCode;
use offpeak_api::Rules;
use serde_json::json;

use crate::door::{Door, rules};

const ANSWER: &[u8] = br#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"because"}}]}"#;

fn for_at_most(stream_hold_ms: u64) -> Rules {
    Rules { stream_hold_ms: Some(stream_hold_ms), ..rules() }
}

#[tokio::test]
async fn a_stream_that_may_not_wait_is_told_to_come_back_and_then_told_whole() {
    let door = Door::new(for_at_most(0));
    let stream = json!({"stream": true});
    let got = door.chat(&stream).await;
    assert_eq!((got.status, got.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "result_pending"));
    assert_eq!((got.header("retry-after"), got.header("x-should-retry")), ("20", "true"));
    door.answer(got.job(), 200, ANSWER).await;
    let got = door.chat(&stream).await;
    assert_eq!((got.status, got.header("content-type")), (StatusCode::OK, "text/event-stream"));
    assert!(got.text().contains("because") && got.text().ends_with("data: [DONE]\n\n"), "{}", got.text());
}

#[tokio::test]
async fn a_stream_that_may_not_wait_keeps_the_status_of_an_error() {
    let door = Door::new(for_at_most(0));
    let stream = json!({"stream": true});
    let job = door.chat(&stream).await.job();
    door.answer(job, 400, b"{\"error\":{\"code\":\"bad\"}}").await;
    let got = door.chat(&stream).await;
    assert_eq!((got.status, got.code().as_str()), (StatusCode::BAD_REQUEST, "bad"));
}

#[tokio::test]
async fn a_stream_never_leads_elsewhere() {
    let redirecting = || Door::new(Rules { hold_ms: 10, redirect: true, ..for_at_most(0) });
    assert_eq!(redirecting().chat(&json!({})).await.status, StatusCode::SEE_OTHER);
    let got = redirecting().chat(&json!({"stream": true})).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE, "what is there is no stream");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_waited_long_enough_ends_with_an_error() {
    let door = Door::new(for_at_most(40_000));
    let began = tokio::time::Instant::now();
    let got = door.chat(&json!({"stream": true})).await;
    assert!((40_000..41_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let (alive, last) = got.text().split_once("data: ").unwrap();
    assert_eq!(alive, ":\n:\n:\n", "at once, and every 15 s");
    assert!(last.contains("\"result_pending\""), "{last}");
}

#[tokio::test(start_paused = true)]
async fn a_held_call_looks_at_its_row_as_often_as_it_is_told() {
    let door = Door::new(Rules { hold_ms: 60_000, look_ms: 2_000, ..rules() });
    let job = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let job = door.fakes.jobs.snapshot()[0].id;
        door.answer(job, 200, ANSWER).await;
    };
    let began = tokio::time::Instant::now();
    let more = json!({});
    let (got, ()) = tokio::join!(door.chat(&more), job);
    assert_eq!(got.body, ANSWER);
    assert_eq!(began.elapsed().as_secs(), 6, "nobody woke it");
}

#[tokio::test]
async fn a_stream_larger_than_a_response_is_refused() {
    let door = Door::new(Rules { response_bytes: Some(ANSWER.len() as u64), ..for_at_most(0) });
    let stream = json!({"stream": true});
    let job = door.chat(&stream).await.job();
    door.answer(job, 200, ANSWER).await;
    let got = door.chat(&stream).await;
    assert_eq!((got.status, got.code().as_str()), (StatusCode::BAD_GATEWAY, "response_too_large"));
}
