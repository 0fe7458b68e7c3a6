//! Which effect a submission needs next: the one pure decision of the advance flow.

use super::{CancelReason, Creating, Placed, State, Submission};
use crate::faults::{Fault, planted};
use crate::ids::FileId;
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
    /// Store that the upload begins.
    BeginUpload,
    /// Upload, then store the intent to create.
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
    /// End it with what there is: the provider no longer ends it.
    Forsake(Placed),
    /// Bring its lines home.
    Collect,
    /// Delete the provider's files.
    CleanUp(Vec<FileId>),
}

/// Decides the next effect.
pub fn step(submission: &Submission, now_ms: u64, timing: &Timing) -> Step {
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
        State::Waiting { until_ms, .. } if now_ms < *until_ms => Step::Rest { until_ms: Some(*until_ms) },
        State::Waiting { file: Some(file), .. } => Step::BeginCreate(file.clone()),
        State::Sealed | State::Waiting { file: None, .. } => Step::BeginUpload,
        State::Uploading => Step::Upload,
        State::Creating(creating) => find(creating, now_ms, timing),
        State::Submitted(placed) if now_ms >= ends_ms(placed, timing) => {
            Step::Cancel(placed.clone(), CancelReason::Overdue)
        }
        State::Submitted(placed) if submission.origin.is_withdrawn() => {
            Step::Cancel(placed.clone(), CancelReason::Withdrawn)
        }
        State::Submitted(placed) if submission.origin.batch().is_some() && now_ms >= deadline_ms => {
            Step::Cancel(placed.clone(), CancelReason::Deadline)
        }
        State::Cancelling(placed, _) if now_ms >= ends_ms(placed, timing) + timing.margin_ms => {
            Step::Forsake(placed.clone())
        }
        State::Submitted(placed) | State::Cancelling(placed, _) => Step::Poll(placed.clone()),
        State::Collecting { not_before_ms, .. } if now_ms < *not_before_ms => {
            Step::Rest { until_ms: Some(*not_before_ms) }
        }
        State::Collecting { .. } => Step::Collect,
        State::Done { leftovers } if leftovers.is_empty() => Step::Rest { until_ms: None },
        State::Done { leftovers } => Step::CleanUp(leftovers.clone()),
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

fn ends_ms(placed: &Placed, timing: &Timing) -> u64 {
    placed.since_ms.saturating_add(timing.window_ms).saturating_add(timing.margin_ms)
}
