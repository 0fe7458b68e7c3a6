//! Inputs that are refused, or gone.

use std::time::Duration;

use offpeak_core::batch::{Batch, InputRule, State, StateKind};
use offpeak_core::file::Purpose;
use offpeak_core::flows::batches::NewBatch;
use offpeak_core::flows::files;
use offpeak_core::ids::{NativeFileId, TenantId};
use offpeak_core::submission::Limits;
use offpeak_testkit::provider::Script;

use crate::desk::{DAY_MS, Desk, line, lines, new_batch, new_file};

/// `line code param` of each error of a batch that failed.
fn told(batch: &Batch) -> Vec<String> {
    let State::Failed { errors } = &batch.state else { unreachable!("it is {:?}", batch.state) };
    let tell = |error: &offpeak_core::batch::InputError| {
        let line = error.line.map_or_else(|| "-".to_owned(), |line| line.to_string());
        format!("{line} {} {}", error.code, error.param.as_deref().unwrap_or("-"))
    };
    errors.iter().map(tell).collect()
}

/// What is sealed is gone when a batch was refused.
fn nothing_is_left(desk: &Desk) {
    let left = desk.fakes.objects.names();
    assert!(left.iter().all(|name| name.as_str().starts_with("files/")), "{left:?}");
    assert!(desk.fakes.submissions.snapshot().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_input_that_is_not_there_fails_the_batch() {
    let desk = Desk::calm();
    let gone = desk.input(&lines(1, "m")).await;
    files::delete(&desk.ports, &TenantId::from("one"), gone).await.unwrap();
    let other = desk.store(&lines(1, "m"), new_file("one", Purpose::UserData)).await.unwrap().id;
    for input in [NativeFileId([9; 16]), gone, other] {
        let batch = desk.create(new_batch("one", input)).await;
        assert_eq!(told(&desk.run(batch.id).await), ["- invalid_request file_id"]);
    }
    let expired = desk.input(&lines(1, "m")).await;
    tokio::time::sleep(Duration::from_millis(30 * DAY_MS)).await;
    let batch = desk.create(new_batch("one", expired)).await;
    assert_eq!(told(&desk.run(batch.id).await), ["- invalid_request file_id"]);
    nothing_is_left(&desk);
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_told_and_nothing_runs() {
    let desk = Desk::new(Script::calm(), Limits { requests: 2, bytes: 400, ..Limits::OPENAI });
    let text = lines(5, "m")
        + "nonsense\n"
        + &line("a", "unknown")
        + &line("b", "gone-away")
        + &line("c", &format!("m{}", "x".repeat(200)))
        + &line(&"d".repeat(200), "m")
        + &line("0", "m");
    let batch = desk.batch(&text).await;
    let ended = desk.run(batch.id).await;
    let want = [
        "6 invalid_json_line -",
        "7 model_not_found body.model",
        "8 model_not_found body.model",
        "11 duplicate_custom_id custom_id",
    ];
    assert_eq!(told(&ended), want);
    assert_eq!((ended.lines, ended.parts.len()), (0, 0));
    nothing_is_left(&desk);
    let large = desk.batch(&line(&"d".repeat(300), "m")).await;
    assert_eq!(told(&desk.run(large.id).await), ["1 request_too_large body"]);
    nothing_is_left(&desk);
}

/// More lines than are told apart in memory: their ids are set aside, and leave nothing.
#[tokio::test(start_paused = true)]
async fn an_id_that_stands_twice_is_found_a_quarter_of_a_million_lines_apart() {
    const LINES: usize = 250_000;
    let desk = Desk::calm();
    let text = lines(LINES, "m") + &line("7", "m") + &line("249999", "m");
    let batch = desk.batch(&text).await;
    let ended = desk.run(batch.id).await;
    assert_eq!(told(&ended), ["250001 duplicate_custom_id custom_id", "250002 duplicate_custom_id custom_id"]);
    let State::Failed { errors } = &ended.state else { unreachable!() };
    assert_eq!(errors[0].message, "Line 8 has the same custom_id.");
    nothing_is_left(&desk);
    let batch = desk.batch(&lines(LINES, "m")).await;
    let split = desk.until(batch.id, |batch| batch.state == State::InProgress).await;
    assert_eq!((split.lines, split.parts.len()), (LINES as u64, 5));
    let left = desk.fakes.objects.names();
    assert!(!left.iter().any(|name| name.as_str().contains(".ids")), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_so_many_parts_and_no_more() {
    let desk = Desk::new(Script::calm(), Limits { requests: 1, ..Limits::OPENAI });
    let most = offpeak_core::batch::MAX_FIRST_PARTS;
    let batch = desk.batch(&lines(most + 1, "m")).await;
    assert_eq!(told(&desk.run(batch.id).await), ["- too_many_tasks -"]);
    nothing_is_left(&desk);
    let batch = desk.batch(&lines(most, "m")).await;
    let ended = desk.run(batch.id).await;
    assert_eq!((ended.state.kind(), ended.parts.len()), (StateKind::Completed, most));
}

#[tokio::test(start_paused = true)]
async fn a_strict_batch_is_refused_where_openai_would() {
    let desk = Desk::calm();
    let input = desk.input(&(line("a", "m1") + &line("b", "m2"))).await;
    let mut strict: NewBatch = new_batch("one", input);
    strict.asked.rule = InputRule::Strict;
    let batch = desk.create(strict).await;
    assert_eq!(told(&desk.run(batch.id).await), ["2 mismatched_model body.model"]);
    let batch = desk.create(new_batch("one", input)).await;
    assert_eq!(desk.run(batch.id).await.counts().completed, 2);
}

#[tokio::test(start_paused = true)]
async fn an_input_that_was_read_is_needed_no_more() {
    let desk = Desk::calm();
    let input = desk.input(&lines(5, "m")).await;
    let batch = desk.create(new_batch("one", input)).await;
    desk.until(batch.id, |batch| batch.state == State::InProgress).await;
    files::delete(&desk.ports, &TenantId::from("one"), input).await.unwrap();
    assert_eq!(desk.run(batch.id).await.counts().completed, 5);
}
