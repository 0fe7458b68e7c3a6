//! The sweep has teeth: with a safeguard switched off, some death breaks the promise that it guards.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use offpeak_core::faults::{Fault, plant};
use offpeak_tests_aws::{Side, Stop};
use parking_lot::Mutex;

use super::Run;
use super::live::Endpoints;
use super::verdict::Counts;

/// Jobs of a run.
const JOBS: usize = 3;
const AT_ONCE: usize = 4;
/// For a run to come to rest: longer than any time-out in it, and not longer, since what is lost never rests.
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn messages_deleted_before_sealing_are_noticed() {
    is_noticed(batches, Fault::DeleteBeforeSeal, Side::Before, "never sealed, without a message");
}

#[test]
fn a_batch_created_before_its_intent_is_noticed() {
    is_noticed(batches, Fault::CreateWithoutIntent, Side::Before, "is done and ran");
}

#[test]
fn a_message_never_sent_again_is_noticed() {
    is_noticed(batches, Fault::NeverResend, Side::After, "rows have no message");
}

#[test]
fn rows_done_before_their_answers_are_durable_are_noticed() {
    is_noticed(batches, Fault::DoneBeforeDurable, Side::After, "its answer cannot be read");
}

#[test]
fn stored_answers_that_are_paid_for_again_are_noticed() {
    is_noticed(live, Fault::FinishedLinesRerun, Side::After, "lines were called again");
}

fn batches(stop: Stop) -> Run {
    Run::new(stop, JOBS)
}

fn live(stop: Stop) -> Run {
    Run::live(stop, Endpoints::default(), JOBS)
}

/// Some death on that side of a call must break what `complaint` names.
fn is_noticed(begun: fn(Stop) -> Run, fault: Fault, side: Side, complaint: &str) {
    let (next, noticed) = (AtomicU64::new(1), AtomicBool::new(false));
    let told = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                plant(Some(fault));
                while !noticed.load(Ordering::Relaxed) {
                    let stop = Stop::at(next.fetch_add(1, Ordering::Relaxed), side);
                    let Some(broken) = die(begun(stop)) else { return };
                    if broken.iter().any(|what| what.contains(complaint)) {
                        noticed.store(true, Ordering::Relaxed);
                    }
                    told.lock().extend(broken);
                }
            });
        }
    });
    assert!(noticed.into_inner(), "{fault:?} was not noticed; all that was: {:#?}", told.into_inner());
}

/// A run with one death; what broke, or `None` if the call never came.
fn die(mut run: Run) -> Option<Vec<String>> {
    run.finish(PATIENCE);
    run.died()?;
    Some(run.judged(&mut Counts::default()))
}
