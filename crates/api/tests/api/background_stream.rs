//! A background response as a stream, which may be cut anywhere and gone on with.

use std::time::Duration;

use http::StatusCode;
use offpeak_api::Rules;
use offpeak_core::job::Event;
use serde_json::{Value, json};

use crate::door::{Door, Got, rules};

const ANSWER: &[u8] = br#"{"id":"theirs","status":"completed","output":[
    {"id":"m","type":"message","role":"assistant","content":[{"type":"output_text","text":"because","annotations":[]}]}]}"#;

fn for_at_most(stream_hold_ms: u64) -> Rules {
    Rules { stream_hold_ms: Some(stream_hold_ms), ..rules() }
}

async fn create(door: &Door) -> Got {
    door.respond(&json!({"background": true, "stream": true}), &[]).await
}

/// What the events say.
fn told(got: &Got) -> Vec<Value> {
    assert_eq!((got.status, got.header("content-type")), (StatusCode::OK, "text/event-stream"), "{}", got.text());
    got.events()
}

fn kinds(told: &[Value]) -> Vec<&str> {
    told.iter().map(|event| event["type"].as_str().unwrap_or("")).collect()
}

/// Ends the only job after a while.
async fn answered_after(door: &Door, seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let job = door.fakes.jobs.snapshot()[0].id;
    door.answer(job, 200, ANSWER).await;
}

#[tokio::test(start_paused = true)]
async fn a_create_tells_the_id_at_once_keeps_alive_and_ends_with_the_answer() {
    let door = Door::new(Rules { look_ms: 1_000, ..rules() });
    let (got, ()) = tokio::join!(create(&door), answered_after(&door, 50));
    let told = told(&got);
    assert_eq!(kinds(&told)[..3], ["response.created", "response.queued", "response.in_progress"]);
    assert_eq!(kinds(&told).last(), Some(&"response.completed"));
    let id = format!("resp_{}", got.job());
    assert!(told.iter().filter_map(|event| event.get("response")).all(|response| response["id"] == id));
    assert_eq!(told[0]["response"]["status"], "queued");
    let numbers: Vec<u64> = told.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..told.len() as u64).collect::<Vec<_>>());
    let between = got.text().split("response.queued").last().unwrap().split("event: response.in_progress").next();
    assert_eq!(between.unwrap().matches(":\n").count(), 3, "a comment every 15 s");
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_gone_on_with_after_any_event_before_the_end_and_after_it() {
    let door = Door::new(Rules { look_ms: 1_000, ..rules() });
    let path = format!("/v1/responses/resp_{}?stream=true", create_only(&door).await.job());
    let (waited, ()) = tokio::join!(door.get(&path), answered_after(&door, 20));
    let whole = told(&waited);
    assert_eq!(kinds(&whole)[..2], ["response.created", "response.queued"]);
    assert_eq!(whole, told(&door.get(&path).await), "the same once it has ended");
    for after in 0..whole.len() {
        let rest = told(&door.get(&format!("{path}&starting_after={after}")).await);
        assert_eq!(rest, whole[after + 1..], "after {after}");
    }
    assert_eq!(told(&door.get(&format!("{path}&starting_after=99")).await), Vec::<Value>::new());
    let odd = door.get(&format!("{path}&starting_after=x")).await;
    assert_eq!((odd.status, odd.code().as_str()), (StatusCode::BAD_REQUEST, "invalid_value"));
}

/// A background response that is not streamed by its create.
async fn create_only(door: &Door) -> Got {
    door.respond(&json!({"background": true}), &[]).await
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_goes_on_after_the_queueing_says_something_at_once() {
    let door = Door::new(Rules { look_ms: 1_000, ..rules() });
    let path = format!("/v1/responses/resp_{}?stream=true&starting_after=1", create_only(&door).await.job());
    let (got, ()) = tokio::join!(door.get(&path), answered_after(&door, 1));
    assert!(got.text().starts_with(":\nevent: response.in_progress\n"), "{}", got.text());
}

#[tokio::test]
async fn a_failed_response_ends_with_its_failure_and_a_cancelled_one_with_an_error() {
    let door = Door::new(rules());
    let failed = create_only(&door).await.job();
    door.happens(failed, Event::Expire).await;
    let got = door.get(&format!("/v1/responses/resp_{failed}?stream=true")).await;
    let events = told(&got);
    assert_eq!(kinds(&events), ["created", "queued", "in_progress", "failed"].map(|kind| format!("response.{kind}")));
    assert_eq!(events[3]["response"]["error"]["code"], "server_error");
    let cancelled = create_only(&door).await.job();
    door.happens(cancelled, Event::Cancel).await;
    let got = door.get(&format!("/v1/responses/resp_{cancelled}?stream=true")).await;
    assert_eq!((got.status, got.code().as_str()), (StatusCode::GONE, "job_cancelled"));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_cancelled_meanwhile_ends_its_stream_with_an_error_event() {
    let door = Door::new(Rules { look_ms: 1_000, ..rules() });
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        door.happens(door.fakes.jobs.snapshot()[0].id, Event::Cancel).await;
    };
    let (got, ()) = tokio::join!(create(&door), cancel);
    assert_eq!(told(&got).last().unwrap()["error"]["code"], "job_cancelled");
}

#[tokio::test]
async fn where_nothing_is_kept_open_a_create_ends_when_it_is_queued_and_the_rest_is_asked_for() {
    let door = Door::new(for_at_most(0));
    let got = create(&door).await;
    assert_eq!(kinds(&told(&got)), ["response.created", "response.queued"]);
    let path = format!("/v1/responses/resp_{}?stream=true&starting_after=1", got.job());
    let early = door.get(&path).await;
    assert_eq!((early.status, early.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "result_pending"));
    assert_eq!(early.header("x-should-retry"), "true", "an SDK comes back by itself");
    door.answer(got.job(), 200, ANSWER).await;
    let rest = door.get(&path).await;
    assert_eq!(kinds(&told(&rest)).last(), Some(&"response.completed"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_waited_long_enough_ends_with_an_error() {
    let door = Door::new(for_at_most(40_000));
    let began = tokio::time::Instant::now();
    let got = create(&door).await;
    assert!((40_000..41_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(told(&got).last().unwrap()["error"]["code"], "result_pending");
}

#[tokio::test]
async fn a_stream_larger_than_a_response_is_refused() {
    let door = Door::new(Rules { response_bytes: Some(ANSWER.len() as u64 + 100), ..for_at_most(0) });
    let job = create_only(&door).await.job();
    door.answer(job, 200, ANSWER).await;
    let got = door.get(&format!("/v1/responses/resp_{job}?stream=true")).await;
    assert_eq!((got.status, got.code().as_str()), (StatusCode::BAD_GATEWAY, "response_too_large"));
}
