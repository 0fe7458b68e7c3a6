//! Every state of a batch with every event, and what becomes of its parts.

use offpeak_core::batch::{
    Asked, Batch, Collected, Event, IllegalTransition, InputRule, Part, PartState, Rest, Results, State, StateKind,
    Step, Times, Usage, next, step,
};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::{CredentialId, NativeBatchId, NativeFileId, ObjectName, SubmissionId, TenantId};
use offpeak_core::lane::{Lane, Terms};
use offpeak_core::submission::{LineCounts, Sealed, Size};

use crate::state_machine::{Cell, Machine, first_word, spelling};

/// Each state, and for those where it makes a difference each of its particulars. Exhaustive, so that a new state is
/// walked too.
fn states() -> Vec<(State, &'static str)> {
    let after = |state: Option<&State>| {
        Some(match state {
            None => (State::Validating, ""),
            Some(State::Validating) => (State::Failed { errors: Vec::new() }, ""),
            Some(State::Failed { .. }) => (State::InProgress, ""),
            Some(State::InProgress) => (State::Finalizing, ""),
            Some(State::Finalizing) => (State::Completed(Results::default()), ""),
            Some(State::Completed(_)) => (State::Expired(Results::default()), ""),
            Some(State::Expired(_)) => (State::Cancelling { split: false }, "not split"),
            Some(State::Cancelling { split: false }) => (State::Cancelling { split: true }, "split"),
            Some(State::Cancelling { split: true }) => (State::Cancelled(Results::default()), ""),
            Some(State::Cancelled(_)) => return None,
        })
    };
    std::iter::successors(after(None), |(state, _)| after(Some(state))).collect()
}

/// One event of each kind.
fn events() -> Vec<Event> {
    let after = |event: Option<&Event>| {
        Some(match event {
            None => Event::Split { parts: vec![part(1)], lines: 1, model: None },
            Some(Event::Split { .. }) => Event::Refuse(Vec::new()),
            Some(Event::Refuse(_)) => Event::Cancel,
            Some(Event::Cancel) => Event::Place(vec![id(1)]),
            Some(Event::Place(_)) => Event::Withdraw(vec![id(1)]),
            Some(Event::Withdraw(_)) => collect(1, None),
            Some(Event::Collect { .. }) => Event::PutBack { submission: id(1), by: id(2) },
            Some(Event::PutBack { .. }) => Event::Finalize,
            Some(Event::Finalize) => Event::Complete(Results::default()),
            Some(Event::Complete(_)) => Event::Expire(Results::default()),
            Some(Event::Expire(_)) => return None,
        })
    };
    std::iter::successors(after(None), |event| after(Some(event))).collect()
}

fn id(n: u8) -> SubmissionId {
    SubmissionId([n; 16])
}

fn part(n: u8) -> Part {
    Part {
        submission: id(n),
        lane: Lane {
            credential: CredentialId::from("own:openai"),
            provider: "openai".to_owned(),
            endpoint: Endpoint::ChatCompletions,
            model: "m".to_owned(),
            class: "soon".to_owned(),
            terms: Terms::default(),
        },
        model: "m".to_owned(),
        sealed: Sealed {
            object: ObjectName(format!("sealed/{}.jsonl", id(n))),
            manifest: ObjectName(format!("manifests/{}", id(n))),
            manifest_sha256: "0".repeat(64),
            size: Size::default(),
            deadline_ms: 1,
            turn_ms: None,
        },
        attempt: 0,
        picked: 0,
        again_of: None,
        state: PartState::Sealed,
    }
}

fn collected() -> Collected {
    Collected {
        order: 0,
        results: Some(ObjectName::from("results/1")),
        completed: 5,
        failed: 3,
        unrun: 1,
        rerun: 2,
        usage: Usage { input_tokens: 1, ..Usage::default() },
        rest: Rest { code: "batch_expired".to_owned(), message: "m".to_owned() },
    }
}

fn collect(n: u8, again: Option<Part>) -> Event {
    Event::Collect { submission: id(n), collected: Box::new(collected()), again: again.into_iter().collect() }
}

fn batch(state: State, parts: Vec<Part>) -> Batch {
    Batch {
        id: NativeBatchId([1; 16]),
        tenant: TenantId::from("t"),
        version: 1,
        asked: Asked {
            endpoint: Endpoint::ChatCompletions,
            input: NativeFileId([1; 16]),
            misnamed: None,
            retry_of: None,
            window: "24h".to_owned(),
            metadata: None,
            output_expires_after_ms: None,
            credential: None,
            rule: InputRule::Split,
            private: false,
            webhook: None,
            outbox: None,
        },
        created_ms: 1,
        deadline_ms: 2,
        state,
        times: Times::default(),
        lines: 11,
        model: None,
        parts,
        busy_until_ms: 0,
    }
}

/// The whole machine, walked.
pub(crate) fn machine() -> Machine {
    let cells = |state: &State| {
        let after = |event| next(state, event).map_or(Cell::Illegal, |after| Cell::To(after.kind().name()));
        events().into_iter().map(after).collect()
    };
    Machine {
        begins: StateKind::Validating.name(),
        finals: StateKind::ALL.into_iter().filter(|kind| kind.is_final()).map(StateKind::name).collect(),
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
fn a_stored_row_reads_back() {
    for (state, _) in states() {
        let mut parts = vec![part(1), part(2), part(3)];
        parts[1].state = PartState::Placed { withdrawn: true };
        parts[2].state = PartState::Collected(collected());
        let row = batch(state, parts);
        let stored = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<Batch>(&stored).unwrap(), row, "{stored}");
    }
}

#[test]
fn final_states_accept_nothing() {
    for (state, _) in states().into_iter().filter(|(state, _)| state.kind().is_final()) {
        for event in events() {
            assert_eq!(next(&state, event), Err(IllegalTransition { from: state.kind() }));
        }
    }
}

#[test]
fn nothing_is_placed_before_the_row_names_it() {
    for (state, _) in
        states().into_iter().filter(|(state, _)| step(&batch(state.clone(), Vec::new()), 5) == Step::Validate)
    {
        assert!(next(&state, Event::Place(vec![id(1)])).is_err(), "{state:?}");
        assert!(next(&state, collect(1, None)).is_err(), "{state:?}");
    }
}

#[test]
fn whoever_is_busy_is_left_alone_until_then_or_until_any_event() {
    let busy = Batch { busy_until_ms: 1_000, ..batch(State::Validating, Vec::new()) };
    assert_eq!((step(&busy, 999), step(&busy, 1_000)), (Step::Rest, Step::Validate));
    assert_eq!(step(&busy.after(Event::Cancel, 5).unwrap(), 6), Step::Validate);
    let row = serde_json::to_value(&busy).unwrap();
    let mut older = row.clone();
    older.as_object_mut().unwrap().remove("busy_until_ms");
    assert_eq!(serde_json::from_value::<Batch>(older).unwrap(), Batch { busy_until_ms: 0, ..busy });
    assert_eq!(row["busy_until_ms"], 1_000);
}

#[test]
fn a_part_comes_home_once() {
    let row = batch(State::InProgress, vec![part(1)]);
    let home = row.after(collect(1, Some(Part { again_of: Some(id(1)), ..part(2) })), 5).unwrap();
    assert_eq!(home.parts.len(), 2);
    assert!(home.after(collect(1, Some(part(3))), 6).is_err(), "it came home before");
    assert!(home.after(Event::PutBack { submission: id(1), by: id(9) }, 6).is_err(), "it came home before");
    assert!(home.after(collect(7, None), 6).is_err(), "nobody named it");
    assert_eq!(home.counts(), LineCounts { total: 11, completed: 5, failed: 4 });
    assert_eq!(home.usage().input_tokens, 1);
}

#[test]
fn what_is_put_back_is_placed_again() {
    let mut placed = part(1);
    placed.state = PartState::Placed { withdrawn: false };
    let row = batch(State::InProgress, vec![placed]);
    assert_eq!(step(&row, 5), Step::Rest);
    let back = row.after(Event::PutBack { submission: id(1), by: id(2) }, 5).unwrap();
    assert_eq!((back.part(id(1)), step(&back, 5)), (None, Step::Place));
    assert_eq!(back.part(id(2)).map(|part| &part.sealed), Some(&part(1).sealed));
}

#[test]
fn a_withdrawn_batch_asks_each_part_once_and_waits_for_all() {
    let mut home = part(3);
    home.state = PartState::Collected(collected());
    let mut placed = part(2);
    placed.state = PartState::Placed { withdrawn: false };
    let row = batch(State::InProgress, vec![part(1), placed, home]).after(Event::Cancel, 5).unwrap();
    assert_eq!((step(&row, 5), row.times.cancelling_ms), (Step::Withdraw, Some(5)));
    let asked = row.after(Event::Withdraw(vec![id(1), id(2)]), 6).unwrap();
    assert_eq!((step(&asked, 5), asked.times.cancelling_ms), (Step::Rest, Some(5)));
    let one = asked.after(collect(1, None), 7).unwrap();
    assert_eq!(step(&one, 5), Step::Rest);
    let all = one.after(collect(2, None), 8).unwrap();
    assert_eq!(step(&all, 5), Step::Merge);
    let ended = all.after(Event::Complete(Results::default()), 9).unwrap();
    assert_eq!((ended.state.kind(), ended.times.ended_ms), (StateKind::Cancelled, Some(9)));
}

#[test]
fn the_largest_row_fits_a_dynamodb_item() {
    let mut parts: Vec<Part> = (0..offpeak_core::batch::MAX_PARTS).map(|_| part(7)).collect();
    for part in &mut parts {
        part.lane.model = "x".repeat(256);
        part.model.clone_from(&part.lane.model);
        part.again_of = Some(id(1));
        part.state = PartState::Collected(Collected {
            results: Some(ObjectName(format!("results/{}-0123456789abcdef.jsonl", id(7)))),
            rest: Rest { code: "batch_expired".to_owned(), message: "x".repeat(200) },
            ..collected()
        });
    }
    let bytes = serde_json::to_vec(&batch(State::Finalizing, parts)).unwrap().len();
    assert!(bytes < 400_000, "{bytes}");
}
