//! Every state of a submission with every event.

use offpeak_core::ids::{BatchId, FileId, ObjectName, RequestId};
use offpeak_core::submission::{
    CancelReason, Creating, Ending, Event, IllegalTransition, Placed, Sealed, Size, State, StateKind, next,
};

use crate::state_machine::{Cell, Machine, first_word, spelling};

/// Each state, and for those where it makes a difference each of its particulars. Exhaustive, so that a new state is
/// walked too.
pub(crate) fn states() -> Vec<(State, &'static str)> {
    let after = |state: Option<&State>| {
        Some(match state {
            None => (State::Open { owner: RequestId([1; 16]), lease_until_ms: 1 }, ""),
            Some(State::Open { .. }) => (State::Abandoned, ""),
            Some(State::Abandoned) => (State::Sealed, ""),
            Some(State::Sealed) => (State::Uploading, ""),
            Some(State::Uploading) => (State::Waiting { until_ms: 1, file: None }, "nothing uploaded"),
            Some(State::Waiting { file: None, .. }) => {
                (State::Waiting { until_ms: 1, file: Some(file()) }, "file uploaded")
            }
            Some(State::Waiting { file: Some(_), .. }) => (State::Creating(creating()), ""),
            Some(State::Creating(_)) => (State::Submitted(placed()), ""),
            Some(State::Submitted(_)) => (State::Cancelling(placed(), CancelReason::Overdue), ""),
            Some(State::Cancelling(..)) => (collecting(None), "no results chosen"),
            Some(State::Collecting { results: None, .. }) => {
                (collecting(Some(ObjectName::from("results/1"))), "results chosen")
            }
            Some(State::Collecting { results: Some(_), .. }) => (State::Done { leftovers: Vec::new() }, ""),
            Some(State::Done { .. }) => return None,
        })
    };
    std::iter::successors(after(None), |(state, _)| after(Some(state))).collect()
}

/// One event of each kind.
fn events() -> Vec<Event> {
    let after = |event: Option<&Event>| {
        Some(match event {
            None => Event::Renew { lease_until_ms: 2 },
            Some(Event::Renew { .. }) => Event::Abandon,
            Some(Event::Abandon) => Event::Seal(sealed()),
            Some(Event::Seal(_)) => Event::Upload,
            Some(Event::Upload) => Event::Postpone { until_ms: 2, file: None },
            Some(Event::Postpone { .. }) => Event::Create(creating()),
            Some(Event::Create(_)) => Event::Absent { at_ms: 2 },
            Some(Event::Absent { .. }) => Event::Place(placed()),
            Some(Event::Place(_)) => Event::Withdraw,
            Some(Event::Withdraw) => Event::Cancel(CancelReason::Overdue),
            Some(Event::Cancel(_)) => Event::End(Ending::TooLate { input: None }),
            Some(Event::End(_)) => Event::Retry { not_before_ms: 2 },
            Some(Event::Retry { .. }) => Event::Choose { results: ObjectName::from("results/2") },
            Some(Event::Choose { .. }) => Event::Collected { leftovers: Vec::new() },
            Some(Event::Collected { .. }) => return None,
        })
    };
    std::iter::successors(after(None), |event| after(Some(event))).collect()
}

fn file() -> FileId {
    FileId::from("file-1")
}

fn creating() -> Creating {
    Creating { file: file(), attempt: 1, since_ms: 1, deadline_ms: 2, absent_ms: None }
}

fn placed() -> Placed {
    let batch = BatchId::from("batch_1");
    Placed { batch, file: file(), since_ms: 1, intended_ms: 1, suspect: false }
}

fn sealed() -> Sealed {
    Sealed {
        object: ObjectName::from("sealed/1"),
        manifest: ObjectName::from("manifests/1"),
        manifest_sha256: "0".repeat(64),
        size: Size::default(),
        deadline_ms: 1,
        turn_ms: None,
    }
}

fn collecting(results: Option<ObjectName>) -> State {
    State::Collecting { ending: Ending::TooLate { input: None }, results, downloads: 0, not_before_ms: 0 }
}

/// The whole machine, walked.
pub(crate) fn machine() -> Machine {
    let cells = |state: &State| {
        let after = |event| next(state, event).map_or(Cell::Illegal, |after| Cell::To(after.kind().name()));
        events().into_iter().map(after).collect()
    };
    Machine {
        begins: StateKind::Open.name(),
        finals: vec![StateKind::Abandoned.name(), StateKind::Done.name()],
        events: events().iter().map(first_word).collect(),
        rows: states().iter().map(|(state, detail)| (state.kind().name(), *detail, cells(state))).collect(),
    }
}

#[test]
fn every_kind_is_spelled_once() {
    for (state, _) in states() {
        let name = state.kind().name();
        assert_eq!(spelling(&state), name);
        assert_eq!(spelling(&state.kind()), name);
    }
}

#[test]
fn a_stored_state_reads_back() {
    for (state, _) in states() {
        let stored = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&stored).unwrap(), state, "{stored}");
    }
}

#[test]
fn what_was_sealed_stays_sealed() {
    for (state, _) in states().into_iter().filter(|(state, _)| state.is_sealed()) {
        for event in events() {
            assert!(!next(&state, event).is_ok_and(|after| !after.is_sealed()), "{state:?}");
        }
        assert_eq!(next(&state, Event::Seal(sealed())), Err(IllegalTransition { from: state.kind() }));
    }
}

#[test]
fn a_batch_is_placed_only_after_its_intent_was_stored() {
    for (state, _) in states() {
        let may_be_placed = next(&state, Event::Place(placed())).is_ok();
        assert_eq!(may_be_placed, state.kind() == StateKind::Creating, "{state:?}");
    }
}

#[test]
fn results_are_chosen_once() {
    let chosen = collecting(Some(ObjectName::from("results/1")));
    assert!(next(&chosen, Event::Choose { results: ObjectName::from("results/2") }).is_err());
    assert!(next(&chosen, Event::Retry { not_before_ms: 1 }).is_err());
}

#[test]
fn every_sealed_submission_can_only_end_through_collecting() {
    for (state, _) in states() {
        for event in events() {
            let Ok(after) = next(&state, event) else { continue };
            let begins_to_be_done = after.kind() == StateKind::Done && state.kind() != StateKind::Done;
            assert!(!begins_to_be_done || state.kind() == StateKind::Collecting, "{state:?}");
        }
    }
}
