//! Every state of a job with every event.

use offpeak_core::ids::{ObjectName, SubmissionId};
use offpeak_core::job::{Answer, Event, Failure, IllegalTransition, State, StateKind, Usage, next};

use crate::state_machine::{Cell, Machine, first_word, spelling};

/// One state of each kind. Exhaustive, so that a new state is walked too.
pub(crate) fn states() -> Vec<State> {
    let after = |state: Option<&State>| match state {
        None => Some(State::Queued),
        Some(State::Queued) => Some(State::Packed { submission: SubmissionId([1; 16]) }),
        Some(State::Packed { .. }) => Some(State::Done(answer())),
        Some(State::Done(_)) => Some(State::Failed(failure())),
        Some(State::Failed(_)) => Some(State::Cancelled),
        Some(State::Cancelled) => Some(State::Expired),
        Some(State::Expired) => None,
    };
    std::iter::successors(after(None), |state| after(Some(state))).collect()
}

/// One event of each kind.
fn events() -> Vec<Event> {
    let after = |event: Option<&Event>| match event {
        None => Some(Event::Claim(SubmissionId([2; 16]))),
        Some(Event::Claim(_)) => Some(Event::Answer(answer())),
        Some(Event::Answer(_)) => Some(Event::Fail(failure())),
        Some(Event::Fail(_)) => Some(Event::Requeue),
        Some(Event::Requeue) => Some(Event::Cancel),
        Some(Event::Cancel) => Some(Event::Expire),
        Some(Event::Expire) => None,
    };
    std::iter::successors(after(None), |event| after(Some(event))).collect()
}

fn answer() -> Answer {
    Answer { status: 200, object: ObjectName::from("results/1"), offset: 0, length: 1, usage: Usage::default() }
}

fn failure() -> Failure {
    Failure { code: "code".to_owned(), message: "message".to_owned() }
}

/// The whole machine, walked.
pub(crate) fn machine() -> Machine {
    let cells = |state: &State| {
        let after = |event| next(state, event).map_or(Cell::Illegal, |after| Cell::To(after.kind().name()));
        events().into_iter().map(after).collect()
    };
    Machine {
        begins: State::Queued.kind().name(),
        finals: StateKind::ALL.into_iter().filter(|kind| kind.is_final()).map(StateKind::name).collect(),
        events: events().iter().map(first_word).collect(),
        rows: states().iter().map(|state| (state.kind().name(), "", cells(state))).collect(),
    }
}

#[test]
fn every_kind_is_walked_and_spelled_once() {
    let kinds: Vec<_> = states().iter().map(State::kind).collect();
    assert_eq!(kinds, StateKind::ALL);
    for state in states() {
        let name = state.kind().name();
        assert_eq!(spelling(&state), name);
        assert_eq!(spelling(&state.kind()), name);
        assert_eq!(state.kind().to_string(), name);
        assert_eq!(StateKind::from_name(name), Some(state.kind()));
    }
}

#[test]
fn a_stored_state_reads_back() {
    for state in states() {
        let stored = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&stored).unwrap(), state, "{stored}");
    }
}

#[test]
fn a_final_state_accepts_nothing() {
    for state in states().into_iter().filter(State::is_final) {
        for event in events() {
            assert_eq!(next(&state, event), Err(IllegalTransition { from: state.kind() }));
        }
    }
}

#[test]
fn only_a_packed_job_is_answered() {
    for state in states() {
        let answered = next(&state, Event::Answer(answer())).is_ok();
        assert_eq!(answered, state.kind() == StateKind::Packed, "{state:?}");
    }
}
