//! Which effect a submission needs next: the one pure decision of the advance flow.

use super::{CancelReason, Creating, Placed, State, Submission};
use crate::faults::{Fault, planted};
use crate::fleet;
use crate::ids::{FileId, SubmissionId};
use crate::timing::Timing;

/// The next effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing before this time (Unix milliseconds), or nothing ever (`None`).
    Rest {
        /// Unix milliseconds.
        until_ms: Option<u64>,
    },
    /// Abandon it: its packer is gone.
    Abandon,
    /// Store that the upload begins, for the first time or again; upload, and store the intent to create.
    Upload,
    /// Store the intent to create with the file that is there.
    BeginCreate(FileId),
    /// List the provider's batches: adopt what bears the marker. `may_conclude`: the grace is over, so a batch that
    /// is not there twice will not come.
    Find {
        /// The intent.
        creating: Creating,
        /// Whether absence counts.
        may_conclude: bool,
    },
    /// Ask the provider where the batch stands.
    Poll(Placed),
    /// Ask the provider to stop the batch.
    Cancel(Placed, CancelReason),
    /// End it without having run: it waited past every deadline.
    GiveUp(Option<FileId>),
    /// End it without having run: it was asked to end.
    Withdraw(Option<FileId>),
    /// End it without having run, for later targets to take its lines.
    TakeBack {
        /// The input file, if it was uploaded.
        input: Option<FileId>,
        /// Also those lines that have time.
        all: bool,
    },
    /// End it with what there is: the provider no longer ends it.
    Forsake(Placed),
    /// Bring its lines home.
    Collect,
    /// Delete the provider's files.
    CleanUp(Vec<FileId>),
}

/// Decides the next effect. `out_since_ms`: since when its target is known to take nothing, Unix milliseconds.
pub fn step(submission: &Submission, now_ms: u64, timing: &Timing, out_since_ms: Option<u64>) -> Step {
    if is_busy(submission, now_ms) {
        return Step::Rest { until_ms: Some(submission.busy_until_ms) };
    }
    let deadline_ms = submission.sealed.as_ref().map_or(u64::MAX, |sealed| sealed.deadline_ms);
    match &submission.state {
        State::Open { lease_until_ms, .. } if now_ms <= *lease_until_ms => {
            Step::Rest { until_ms: Some(*lease_until_ms + 1) }
        }
        State::Open { .. } => Step::Abandon,
        State::Abandoned => Step::Rest { until_ms: None },
        State::Sealed | State::Uploading if submission.origin.is_withdrawn() => Step::Withdraw(None),
        State::Waiting { file, .. } if submission.origin.is_withdrawn() => Step::Withdraw(file.clone()),
        State::Sealed | State::Uploading if now_ms >= deadline_ms => Step::GiveUp(None),
        State::Waiting { file, .. } if now_ms >= deadline_ms => Step::GiveUp(file.clone()),
        State::Sealed | State::Uploading if submission.turns(now_ms) => Step::TakeBack { input: None, all: false },
        State::Waiting { file, .. } if is_impatient(submission, now_ms, timing, out_since_ms) => {
            Step::TakeBack { input: file.clone(), all: true }
        }
        State::Waiting { file, .. } if submission.turns(now_ms) => Step::TakeBack { input: file.clone(), all: false },
        State::Waiting { until_ms, .. } if now_ms < *until_ms => Step::Rest { until_ms: Some(*until_ms) },
        State::Waiting { file: Some(file), .. } => Step::BeginCreate(file.clone()),
        State::Sealed | State::Waiting { file: None, .. } | State::Uploading => Step::Upload,
        State::Creating(creating) => find(creating, now_ms, timing),
        State::Submitted(placed) => submitted(submission, placed, now_ms, timing),
        State::Cancelling(placed, _) if now_ms >= ends_ms(placed, timing) + timing.margin_ms => {
            Step::Forsake(placed.clone())
        }
        State::Cancelling(placed, _) => Step::Poll(placed.clone()),
        State::Collecting { not_before_ms, .. } if now_ms < *not_before_ms => {
            Step::Rest { until_ms: Some(*not_before_ms) }
        }
        State::Collecting { .. } => Step::Collect,
        State::Done { leftovers } if leftovers.is_empty() => Step::Rest { until_ms: None },
        State::Done { leftovers } => Step::CleanUp(leftovers.clone()),
    }
}

/// Whether somebody asks to be left alone. No other safeguard leans on it: that of the intent is shown without.
fn is_busy(submission: &Submission, now_ms: u64) -> bool {
    let kept = !planted(Fault::TransferRepeated) && !planted(Fault::CreateWithoutIntent);
    kept && now_ms < submission.busy_until_ms
}

/// Whether a submission that was never placed has waited longer than its target may let it wait, or meets one that has let
/// others wait for so long; and there is another target.
fn is_impatient(submission: &Submission, now_ms: u64, timing: &Timing, out_since_ms: Option<u64>) -> bool {
    let since_ms = out_since_ms.map_or(submission.created_ms, |out_ms| out_ms.min(submission.created_ms));
    let waited = now_ms >= since_ms.saturating_add(timing.patience_ms);
    waited && !submission.lane.terms.then.is_empty() && !planted(Fault::PatienceEndless)
}

/// Ask where the batch stands, unless it is to end, or it is not its turn.
fn submitted(submission: &Submission, placed: &Placed, now_ms: u64, timing: &Timing) -> Step {
    let overdue = submission.sealed.as_ref().is_some_and(|sealed| now_ms >= sealed.deadline_ms);
    if now_ms >= ends_ms(placed, timing) {
        Step::Cancel(placed.clone(), CancelReason::Overdue)
    } else if submission.origin.is_withdrawn() {
        Step::Cancel(placed.clone(), CancelReason::Withdrawn)
    } else if submission.turns(now_ms) {
        Step::Cancel(placed.clone(), CancelReason::Grace)
    } else if overdue && (submission.origin.batch().is_some() || fleet::runs_chunks(&submission.lane.provider)) {
        // A provider ends what it has begun within its window; own engines may have no worker at all, and live calls
        // wait for their rates.
        Step::Cancel(placed.clone(), CancelReason::Deadline)
    } else if let Some(until_ms) = turn_ms(submission.id, now_ms, timing) {
        Step::Rest { until_ms: Some(until_ms) }
    } else {
        Step::Poll(placed.clone())
    }
}

/// Before its own deadline a create may be in flight, and looking would race with it.
fn find(creating: &Creating, now_ms: u64, timing: &Timing) -> Step {
    if planted(Fault::NoGrace) {
        return Step::Find { creating: creating.clone(), may_conclude: true };
    }
    let over_ms = creating.deadline_ms.saturating_add(timing.create_grace_ms);
    Step::Find { creating: creating.clone(), may_conclude: now_ms >= over_ms }
}

/// When it is the submission's turn to be polled, Unix milliseconds; `None` if that is now.
///
/// Ticks that remember nothing are numbered by the clock. Of those in an interval each submission has one, drawn by its
/// id: so it is polled no more often than its interval says, and all of them spread over it.
fn turn_ms(id: SubmissionId, now_ms: u64, timing: &Timing) -> Option<u64> {
    let tick = now_ms.checked_div(timing.poll_tick_ms)?;
    let ticks = timing.poll_interval_ms.div_ceil(timing.poll_tick_ms).max(1);
    let drawn = id.0[12..].iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
    let left = (drawn % ticks + ticks - tick % ticks) % ticks;
    (left > 0).then(|| (tick + left) * timing.poll_tick_ms)
}

fn ends_ms(placed: &Placed, timing: &Timing) -> u64 {
    placed.since_ms.saturating_add(timing.window_ms).saturating_add(timing.margin_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;
    use crate::ids::{BatchId, CredentialId};
    use crate::lane::{Lane, Next, Terms};
    use crate::submission::Origin;

    const TICK_MS: u64 = 60_000;

    fn submitted(drawn: u8) -> Submission {
        let (batch, file) = (BatchId::from("batch_1"), FileId::from("file-1"));
        let placed = Placed { batch, file, since_ms: 0, intended_ms: 0, suspect: false };
        Submission {
            id: SubmissionId([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, drawn]),
            version: 1,
            lane: Lane {
                credential: CredentialId::from("gateway"),
                provider: "provider".to_owned(),
                endpoint: Endpoint::Embeddings,
                model: "m".to_owned(),
                class: "soon".to_owned(),
                terms: Terms::default(),
            },
            state: State::Submitted(placed),
            created_ms: 0,
            sealed: None,
            origin: Origin::Jobs,
            busy_until_ms: 0,
        }
    }

    /// At which of a day's first ticks, each somewhere within its minute, a submission is polled.
    fn polled(drawn: u8, poll_interval_ms: u64, poll_tick_ms: u64) -> Vec<u64> {
        let timing = Timing { poll_interval_ms, poll_tick_ms, ..Timing::default() };
        let row = submitted(drawn);
        let is_polled = |tick: &u64| {
            let next = step(&row, tick * TICK_MS + tick * 7_919 % TICK_MS, &timing, None);
            let Step::Rest { until_ms: Some(until_ms) } = next else {
                assert!(matches!(next, Step::Poll(_)), "{next:?}");
                return true;
            };
            assert!(matches!(step(&row, until_ms, &timing, None), Step::Poll(_)), "it rests until its turn");
            false
        };
        (0..30).filter(is_polled).collect()
    }

    #[test]
    fn where_ticks_remember_nothing_each_submission_has_one_tick_of_an_interval() {
        assert_eq!(polled(0, 600_000, TICK_MS), [0, 10, 20]);
        assert_eq!(polled(13, 600_000, TICK_MS), [3, 13, 23]);
        assert_eq!(polled(1, 601_000, TICK_MS), [1, 12, 23], "never sooner than the interval");
    }

    #[test]
    fn an_interval_within_a_tick_and_a_poller_that_remembers_poll_whenever_they_look() {
        let always: Vec<u64> = (0..30).collect();
        for (poll_interval_ms, poll_tick_ms) in [(200, TICK_MS), (TICK_MS, TICK_MS), (600_000, 0)] {
            assert_eq!(polled(7, poll_interval_ms, poll_tick_ms), always);
        }
    }

    #[test]
    fn whoever_is_busy_is_left_alone_until_then_and_no_longer() {
        let busy = Submission { state: State::Uploading, busy_until_ms: 1_000, ..submitted(0) };
        assert_eq!(step(&busy, 999, &Timing::default(), None), Step::Rest { until_ms: Some(1_000) });
        assert_eq!(step(&busy, 1_000, &Timing::default(), None), Step::Upload);
    }

    #[test]
    fn whoever_meets_a_provider_that_has_let_others_wait_goes_on_at_once() {
        let timing = Timing { patience_ms: 1_000, ..Timing::default() };
        let next = Next { provider: "next".to_owned(), model: "m".to_owned(), within_ms: 1, grace_ms: None };
        let mut waiting = submitted(0);
        waiting.lane.terms.then.push(next);
        (waiting.created_ms, waiting.state) = (5_000, State::Waiting { file: None, until_ms: 9_000 });
        let goes_on = |out_since_ms: Option<u64>, now_ms: u64| {
            matches!(step(&waiting, now_ms, &timing, out_since_ms), Step::TakeBack { all: true, .. })
        };
        let since = [None, Some(4_000), Some(4_001), Some(5_500)];
        assert_eq!(since.map(|since_ms| goes_on(since_ms, 5_000)), [false, true, false, false]);
        assert_eq!(since.map(|since_ms| goes_on(since_ms, 6_000)), [true; 4], "by its own patience");
    }
}
