//! Batches: created, listed, run, ended.

use std::collections::{BTreeMap, BTreeSet};

use offpeak_core::ports::{Backend, BatchPhase, Clock, CreateReply, Marker};
use offpeak_core::submission::line::LineOutcome;
use offpeak_testkit::fakes::TokioClock;
use offpeak_testkit::provider::{BatchOdds, Script, ScriptedProvider};

use crate::desk::{Desk, HOUR_MS, batches, in_time, pass};

#[tokio::test(start_paused = true)]
async fn equal_seeds_give_equal_outcomes() {
    let mut ledgers = Vec::new();
    for seed in [7, 7, 8] {
        let desk = Desk::new(seed, Script { batches: BatchOdds::default(), ..Script::harsh() });
        let began_ms = desk.provider.clock().now_ms();
        let (jobs, ..) = desk.run(50).await;
        let executions = desk.provider.executions().into_iter();
        let told: Vec<_> = executions
            .map(|one| {
                let n = jobs.iter().position(|job| job.text() == one.custom_id);
                (n, one.sample, one.billed, one.executed_ms - began_ms)
            })
            .collect();
        ledgers.push(told);
    }
    assert_eq!(ledgers[0], ledgers[1]);
    assert_ne!(ledgers[0], ledgers[2]);
}

#[tokio::test(start_paused = true)]
async fn a_new_batch_is_listed_late() {
    let desk = Desk::new(3, Script { list_lag_ms: 10_000, ..Script::calm() });
    let mut late = 0;
    for _ in 0..20 {
        let (_, submission, file) = desk.upload(1).await;
        let batch = desk.begin(submission, &file).await;
        let marker = Marker { submission, file, since_ms: 0 };
        late += usize::from(desk.provider.find(&desk.key, marker.clone()).await.unwrap().is_empty());
        pass(10_000).await;
        assert_eq!(desk.provider.find(&desk.key, marker).await.unwrap(), [batch]);
    }
    assert!(late > 10, "{late} of 20 were listed late");
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_off_by_up_to_its_skew() {
    let mut seen = BTreeSet::new();
    for seed in 0..40 {
        let clock = TokioClock::default();
        let provider = ScriptedProvider::new(&clock, seed, Script { skew_ms: 2_000, ..Script::calm() });
        let off_ms = provider.clock().now_ms().abs_diff(clock.now_ms());
        assert!(off_ms <= 2_000);
        seen.insert(provider.clock().now_ms() > clock.now_ms());
    }
    assert_eq!(seen.len(), 2, "some are ahead and some behind");
}

#[tokio::test(start_paused = true)]
async fn an_expired_batch_has_run_in_part_and_runs_no_more() {
    let desk = Desk::new(4, batches(BatchOdds { overlong: 1_000, ..BatchOdds::default() }));
    let (jobs, _, report) = desk.run(60).await;
    assert_eq!(report.phase, BatchPhase::Expired);
    let ran = desk.provider.executions().len();
    assert!((1..60).contains(&ran), "{ran} of 60 ran");
    let results = desk.results(&report).await;
    assert_eq!(results.len(), jobs.len(), "the others are in the error file");
    let expired = LineOutcome::Unanswered { code: "batch_expired".to_owned() };
    assert_eq!(results.iter().filter(|(_, outcome)| *outcome == expired).count(), 60 - ran);
    pass(24 * HOUR_MS).await;
    assert_eq!(desk.provider.executions().len(), ran);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_batch_runs_no_more() {
    let desk = Desk::new(5, in_time());
    let (_, submission, file) = desk.upload(200).await;
    let batch = desk.begin(submission, &file).await;
    pass(2_000).await;
    desk.provider.cancel(&desk.key, &batch).await.unwrap();
    assert!(desk.provider.batches_of(submission)[0].cancelled);
    pass(10_000).await;
    let report = desk.poll(&batch).await;
    assert_eq!(report.phase, BatchPhase::Cancelled);
    let ran = desk.provider.executions().len();
    assert!(ran < 200, "{ran} of 200 ran");
    assert_eq!(report.counts.unwrap().completed, ran as u64);
    pass(24 * HOUR_MS).await;
    assert_eq!(desk.provider.executions().len(), ran);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_batch_runs_until_it_is_cancelled() {
    let desk = Desk::new(6, batches(BatchOdds { stuck: 1_000, ..BatchOdds::default() }));
    let (_, batch, report) = desk.run(40).await;
    assert_eq!(report.phase, BatchPhase::Running);
    let ran = desk.provider.executions().len();
    assert!((1..40).contains(&ran), "{ran} of 40 ran");
    desk.provider.cancel(&desk.key, &batch).await.unwrap();
    pass(10_000).await;
    assert_eq!(desk.poll(&batch).await.phase, BatchPhase::Cancelled);
    assert_eq!(desk.provider.executions().len(), ran);
}

#[tokio::test(start_paused = true)]
async fn a_deaf_batch_hears_no_cancel_and_runs_on_late() {
    let desk = Desk::new(7, batches(BatchOdds { deaf: 1_000, ..BatchOdds::default() }));
    let (_, submission, file) = desk.upload(40).await;
    let batch = desk.begin(submission, &file).await;
    pass(120_000).await;
    desk.provider.cancel(&desk.key, &batch).await.unwrap();
    let early = desk.provider.executions().len();
    assert!((1..40).contains(&early), "{early} of 40 ran in time");
    pass(HOUR_MS).await;
    assert_eq!(desk.poll(&batch).await.phase, BatchPhase::Running);
    assert_eq!(desk.provider.executions().len(), 40);
}

#[tokio::test(start_paused = true)]
async fn refused_creates_make_nothing() {
    for (odds, expected) in [
        (BatchOdds { throttled: 1_000, ..BatchOdds::default() }, "Throttled"),
        (BatchOdds { refused: 1_000, ..BatchOdds::default() }, "Refused"),
    ] {
        let desk = Desk::new(8, batches(odds));
        let (_, submission, file) = desk.upload(1).await;
        let reply = format!("{:?}", desk.create(submission, &file).await);
        assert!(reply.starts_with(expected), "{reply}");
        assert_eq!(desk.provider.batches(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn failed_batches_run_nothing() {
    for (odds, passing, named) in [
        (BatchOdds { token_limit: 1_000, ..BatchOdds::default() }, true, false),
        (BatchOdds { invalid: 1_000, ..BatchOdds::default() }, false, false),
        (BatchOdds { invalid_lines: 1_000, ..BatchOdds::default() }, false, true),
    ] {
        let desk = Desk::new(9, batches(odds));
        let (_, _, report) = desk.run(10).await;
        let BatchPhase::Failed(refusal) = report.phase else { panic!("{report:?}") };
        assert_eq!((refusal.passing, !refusal.lines.is_empty()), (passing, named));
        assert!(refusal.lines.iter().all(|line| (1..=10).contains(line)));
        assert!(report.files.is_empty() && desk.provider.executions().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn twins_live_until_one_ends() {
    let desk = Desk::new(16, in_time());
    let (_, submission, file) = desk.upload(3).await;
    let first = desk.begin(submission, &file).await;
    assert!(desk.provider.live_twins().is_empty());
    let second = desk.begin(submission, &file).await;
    assert_eq!(desk.provider.live_twins(), BTreeMap::from([(submission, vec![first, second.clone()])]));
    desk.provider.cancel(&desk.key, &second).await.unwrap();
    pass(HOUR_MS).await;
    assert!(desk.provider.live_twins().is_empty());
    assert_eq!(desk.provider.batches_of(submission).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_weather_may_clear() {
    let desk = Desk::new(17, batches(BatchOdds { throttled: 1_000, ..BatchOdds::default() }));
    let (_, submission, file) = desk.upload(1).await;
    assert!(matches!(desk.create(submission, &file).await, CreateReply::Throttled { .. }));
    desk.provider.follow(Script::calm());
    desk.begin(submission, &file).await;
}
