//! A batch's row has 400,000 bytes: models with long names may not outgrow it.

use std::cell::Cell;

use offpeak_core::batch::{Batch, MAX_FIRST_PARTS, MAX_PARTS, State, StateKind};
use offpeak_core::submission::Limits;
use offpeak_testkit::provider::{LineOdds, Script};

use crate::desk::{Desk, line, names, renamed};

/// What a store takes.
const STORED: usize = 400_000;

/// 256 bytes, 512 as JSON.
fn long_name() -> String {
    r"\".repeat(255) + "m"
}

/// One line for each part that a split may make, of a model with a long name.
fn input() -> String {
    (0..MAX_FIRST_PARTS).map(|n| line(&n.to_string(), &r"\\".repeat(255))).collect()
}

fn bytes(batch: &Batch) -> usize {
    serde_json::to_vec(batch).unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn lines_whose_rerun_has_no_room_keep_their_failure() {
    let script = Script { lines: LineOdds { rate_limited: 1_000, ..LineOdds::default() }, ..Script::calm() };
    let desk = Desk::routed(script, Limits { requests: 1, ..Limits::OPENAI }, renamed(&long_name()));
    let batch = desk.batch(&input()).await;
    let largest = Cell::new(0);
    let ended = desk
        .until(batch.id, |batch| {
            largest.set(largest.get().max(bytes(batch)));
            batch.state.kind().is_final()
        })
        .await;
    assert_eq!((ended.state.kind(), desk.ids(&ended).1), (StateKind::Completed, names(MAX_FIRST_PARTS)));
    assert!(largest.get() <= STORED, "{} bytes", largest.get());
    let parts = ended.parts.len();
    assert!(parts > MAX_FIRST_PARTS && parts < MAX_PARTS, "{parts}: some ran again, and some had no room to");
    for line in desk.lines(ended.state.results().unwrap().errors) {
        assert_eq!(line["response"]["status_code"], 429, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_split_that_has_no_room_is_refused() {
    let limits = Limits { requests: 1, ..Limits::OPENAI };
    let desk = Desk::routed(Script::calm(), limits, renamed(&"m".repeat(4_000)));
    let batch = desk.batch(&input()).await;
    let ended = desk.run(batch.id).await;
    let State::Failed { errors } = &ended.state else { unreachable!("it is {:?}", ended.state) };
    assert_eq!((errors.len(), &*errors[0].code), (1, "too_many_tasks"));
    assert!(errors[0].message.contains("length of its models' names"), "{errors:?}");
    let left = desk.fakes.objects.names();
    assert!(left.iter().all(|name| name.as_str().starts_with("files/")), "{left:?}");
    let fits = desk.batch(&line("a", "m")).await;
    assert_eq!(desk.run(fits.id).await.state.kind(), StateKind::Completed);
}
