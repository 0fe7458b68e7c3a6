//! Batches whose target refuses, or is late: a later one has their lines, and takes them as it can.

use std::collections::BTreeSet;
use std::sync::Arc;

use offpeak_core::batch::StateKind;
use offpeak_core::route::{Pattern, Route, Routes, Target};
use offpeak_core::submission::Limits;
use offpeak_testkit::fakes::TokioClock;
use offpeak_testkit::provider::{BatchOdds, Script, ScriptedProvider};

use crate::desk::{DAY_MS, Desk, lines, names};

/// A first provider with these odds, and a sound second one that takes three lines at once.
fn two(odds: BatchOdds, grace_ms: Option<u64>) -> (Desk, ScriptedProvider) {
    let route = Route {
        model: Pattern::new("*"),
        target: Target { grace_ms, ..Target::to("provider") },
        then: vec![Target { upstream_model: Some("another".to_owned()), within_ms: 60_000, ..Target::to("second") }],
        class: "soon".to_owned(),
        deadline_ms: None,
    };
    let script = Script { batches: odds, ..Script::calm() };
    let mut desk = Desk::routed(script, Limits::OPENAI, Routes(vec![route]));
    let few = Script { limits: Limits { requests: 3, ..Limits::OPENAI }, ..Script::calm() };
    let second = ScriptedProvider::new(&TokioClock::default(), 2, few);
    desk.ports.backends.insert("second".to_owned(), Arc::new(second.clone()));
    (desk, second)
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_refuses_for_good_goes_to_one_that_takes_fewer_lines_at_once() {
    let (desk, second) = two(BatchOdds { invalid: 1_000, ..BatchOdds::default() }, None);
    let batch = desk.batch(&lines(10, "m")).await;
    let ended = desk.run(batch.id).await;
    assert_eq!((ended.state.kind(), desk.ids(&ended)), (StateKind::Completed, (names(10), BTreeSet::new())));
    let sizes: Vec<u64> = ended.parts.iter().map(|part| part.sealed.size.requests).collect();
    assert_eq!(sizes, [10, 3, 3, 3, 1]);
    assert!(ended.parts[1..].iter().all(|part| part.lane.model == "another" && part.lane.terms.then.is_empty()));
    assert_eq!(second.batches().len(), 4);
    for line in desk.lines(ended.state.results().unwrap().output) {
        assert_ne!(line["response"]["body"]["model"], "another", "answers have the caller's name of the model");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_never_ends_is_finished_elsewhere_before_its_window_does() {
    let (desk, second) = two(BatchOdds { stuck: 1_000, ..BatchOdds::default() }, Some(3_600_000));
    let batch = desk.batch(&lines(10, "m")).await;
    let ended = desk.run(batch.id).await;
    assert_eq!((ended.state.kind(), desk.ids(&ended)), (StateKind::Completed, (names(10), BTreeSet::new())));
    let took_ms = ended.times.ended_ms.unwrap() - ended.created_ms;
    assert!((DAY_MS - 3_600_000..DAY_MS).contains(&took_ms), "{took_ms}");
    let (kept, taken) = (desk.provider.executions().len(), second.executions().len());
    assert!(kept > 0 && kept + taken == 10, "{kept} {taken}");
}
