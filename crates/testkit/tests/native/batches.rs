//! What becomes of a batch.

use std::collections::BTreeSet;

use offpeak_core::batch::StateKind;
use offpeak_core::file::Purpose;
use offpeak_core::flows::batches::{self, CancelError, CreateError, Cursor, NewBatch};
use offpeak_core::ids::TenantId;
use offpeak_core::submission::{Limits, LineCounts};
use offpeak_testkit::provider::{BatchOdds, LineOdds, Script, Span};

use crate::desk::{DAY_MS, Desk, line, lines, names, new_batch, new_file};

#[tokio::test(start_paused = true)]
async fn what_goes_in_comes_out_in_one_file() {
    let desk = Desk::calm();
    let batch = desk.batch(&lines(40, "m")).await;
    assert_eq!((batch.state.kind(), batch.lines), (StateKind::Validating, 0));
    let ended = desk.run(batch.id).await;
    assert_eq!(ended.state.kind(), StateKind::Completed);
    assert_eq!(ended.counts(), LineCounts { total: 40, completed: 40, failed: 0 });
    assert_eq!(ended.model.as_deref(), Some("m"));
    assert!(ended.usage().output_tokens > 0);
    assert_eq!(desk.ids(&ended), (names(40), BTreeSet::new()));
    let times = ended.times;
    assert!(times.in_progress_ms <= times.finalizing_ms && times.finalizing_ms <= times.ended_ms);
    let output = ended.state.results().unwrap().output.unwrap();
    let row = desk.fakes.files.snapshot().into_iter().find(|file| file.id == output).unwrap();
    assert_eq!((row.purpose, row.expires_ms), (Purpose::BatchOutput, Some(row.created_ms + 30 * DAY_MS)));
    assert!(desk.provider.files().is_empty(), "the provider's files are deleted");
}

#[tokio::test(start_paused = true)]
async fn mixed_models_and_more_than_a_provider_takes_are_split_and_merged() {
    let limits = Limits { requests: 3, ..Limits::OPENAI };
    let desk = Desk::new(Script::calm(), limits);
    let models = ["m1", "m2", "m3", "m4", "m5", "m6", "old"];
    let text: String = (0..41).map(|n| line(&n.to_string(), models[n % models.len()])).collect();
    let batch = desk.batch(&text).await;
    let ended = desk.run(batch.id).await;
    assert_eq!((ended.state.kind(), ended.model.as_deref()), (StateKind::Completed, None));
    assert_eq!(desk.ids(&ended).0, names(41));
    // Six lines each, but for the last model, which has five: two parts each.
    assert_eq!(ended.parts.len(), 14);
    for part in &ended.parts {
        let upstream = if part.model == "old" { "new" } else { part.model.as_str() };
        assert_eq!(part.lane.model, upstream);
    }
}

#[tokio::test(start_paused = true)]
async fn lines_that_fail_in_passing_run_again_within_the_batch() {
    let lines_fail = LineOdds { rate_limited: 300, timed_out: 100, vanished: 100, ..LineOdds::default() };
    let script = Script { lines: lines_fail, ..Script::calm() };
    let desk = Desk::new(script, Limits { requests: 50, ..Limits::OPENAI });
    let batch = desk.batch(&lines(200, "m")).await;
    let ended = desk.run(batch.id).await;
    assert_eq!(ended.state.kind(), StateKind::Completed);
    let (output, errors) = desk.ids(&ended);
    assert_eq!(&output | &errors, names(200));
    assert!(output.len() > 150 && output.is_disjoint(&errors), "{} and {}", output.len(), errors.len());
    assert!(ended.parts.iter().any(|part| part.attempt == 2), "a line has three attempts");
    assert!(ended.parts.iter().all(|part| part.attempt < 3));
    let billed = desk.provider.executions().iter().filter(|run| run.billed).count();
    assert_eq!(billed, output.len(), "each answer was paid for once");
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_refuses_for_now_waits_and_runs_as_it_is() {
    let script = Script { batches: BatchOdds { token_limit: 700, ..BatchOdds::default() }, ..Script::calm() };
    let desk = Desk::new(script, Limits { requests: 5, ..Limits::OPENAI });
    let batch = desk.batch(&lines(20, "m")).await;
    let ended = desk.run(batch.id).await;
    assert_eq!((ended.state.kind(), ended.counts().completed), (StateKind::Completed, 20));
    assert_eq!(ended.parts.len(), 4, "no part was added");
    assert!(ended.parts.iter().all(|part| part.attempt == 0));
    assert!(desk.provider.batches().len() > 4, "some were refused");
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_refuses_for_good_is_an_error_of_each_line() {
    let script = Script { batches: BatchOdds { invalid: 1_000, ..BatchOdds::default() }, ..Script::calm() };
    let desk = Desk::new(script, Limits::OPENAI);
    let batch = desk.batch(&lines(3, "m")).await;
    let ended = desk.run(batch.id).await;
    assert_eq!(ended.state.kind(), StateKind::Completed);
    assert_eq!(ended.counts(), LineCounts { total: 3, completed: 0, failed: 3 });
    for line in desk.lines(ended.state.results().unwrap().errors) {
        assert_eq!(line["error"]["code"], "invalid_request", "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_that_ends_at_any_time_leaves_no_line_out() {
    for window_ms in (0..20).map(|n| n * n * 50) {
        let script = Script { run: Span::new(1_000, 12_000), ..Script::calm() };
        let desk = Desk::new(script, Limits { requests: 4, ..Limits::OPENAI });
        let input = desk.input(&lines(20, "m")).await;
        let batch = desk.create(NewBatch { window_ms, ..new_batch("one", input) }).await;
        let ended = desk.run(batch.id).await;
        let (output, errors) = desk.ids(&ended);
        assert_eq!(&output | &errors, names(20), "{window_ms}");
        assert_eq!(output.len() + errors.len(), 20, "{window_ms}");
        let wanted = if errors.is_empty() { StateKind::Completed } else { StateKind::Expired };
        assert_eq!(ended.state.kind(), wanted, "{window_ms}");
        for line in desk.lines(ended.state.results().unwrap().errors) {
            assert_eq!(line["response"], serde_json::Value::Null);
            assert_eq!(line["error"]["code"], "batch_expired");
            assert_eq!(
                line["error"]["message"],
                "This request could not be executed before the completion window expired."
            );
        }
        let billed = desk.provider.executions().iter().filter(|run| run.billed).count();
        assert_eq!(billed, output.len(), "what was paid for is kept");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_longer_than_the_providers_runs_what_expired_again() {
    // At first every batch expires with part of its lines done.
    let slow = Script { batches: BatchOdds { overlong: 1_000, ..BatchOdds::default() }, ..Script::calm() };
    let desk = Desk::new(slow, Limits::OPENAI);
    let input = desk.input(&lines(100, "m")).await;
    let batch = desk.create(NewBatch { window_ms: 3 * DAY_MS, ..new_batch("one", input) }).await;
    desk.until(batch.id, |batch| batch.counts().completed > 0).await;
    desk.provider.follow(Script::calm());
    let ended = desk.run(batch.id).await;
    assert_eq!((ended.state.kind(), ended.counts().completed), (StateKind::Completed, 100));
    assert!(ended.parts.len() > 1);
    assert_eq!(desk.provider.executions().len(), 100, "no line ran twice");
}

#[tokio::test(start_paused = true)]
async fn a_key_names_one_batch_of_its_tenant() {
    let desk = Desk::calm();
    let input = desk.input(&lines(1, "m")).await;
    let keyed = |tenant: &str, window: &str| {
        let mut new = NewBatch { key: Some("k".to_owned()), ..new_batch(tenant, input) };
        new.asked.window = window.to_owned();
        new
    };
    let first = desk.create(keyed("one", "24h")).await;
    assert_eq!(desk.create(keyed("one", "24h")).await.id, first.id);
    desk.run(first.id).await;
    assert_eq!(desk.create(keyed("one", "24h")).await.state.kind(), StateKind::Completed);
    let other = batches::create(&desk.ports, keyed("one", "48h")).await;
    assert!(matches!(other, Err(CreateError::KeyReused)), "{other:?}");
    assert_ne!(desk.create(keyed("two", "24h")).await.id, first.id);
    let unkeyed = desk.create(new_batch("one", input)).await;
    assert_ne!(unkeyed.id, desk.create(new_batch("one", input)).await.id);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_sees_nothing_of_a_batch() {
    let desk = Desk::calm();
    let batch = desk.batch(&lines(1, "m")).await;
    let stranger = TenantId::from("two");
    assert_eq!(batches::get(&desk.ports, &stranger, batch.id).await.unwrap(), None);
    assert_eq!(batches::list(&desk.ports, &stranger, None, 10).await.unwrap().batches, []);
    let cancelled = batches::cancel(&desk.ports, &stranger, batch.id).await;
    assert!(matches!(cancelled, Err(CancelError::NotFound)), "{cancelled:?}");
    assert_eq!(batches::results(&desk.ports, &stranger, batch.id, Cursor::default(), 1).await.unwrap(), None);
    assert_eq!(desk.row(batch.id).state.kind(), StateKind::Validating, "untouched");
    let file = desk.store(&lines(1, "m"), new_file("two", Purpose::Batch)).await.unwrap();
    let theirs = desk.create(new_batch("one", file.id)).await;
    let ended = desk.run(theirs.id).await;
    assert_eq!(ended.state.kind(), StateKind::Failed, "another's input is not found");
}
