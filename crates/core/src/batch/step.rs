//! Which effect a batch needs next: the one pure decision of its driver.

use super::{Batch, Part, PartState, State};
use crate::faults::{Fault, planted};

/// The next effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing: its submissions are at work, somebody is busy with it, or it has ended.
    Rest,
    /// Read its input, and split it.
    Validate,
    /// Create the rows of submissions that have none yet.
    Place,
    /// Ask every submission that was not asked yet to end; create it so if it has no row.
    Withdraw,
    /// Store that every part came home, and go on to merge.
    Finalize,
    /// Write its files and end it.
    Merge,
    /// Put its results into the outbox.
    Give,
}

/// Decides the next effect.
pub fn step(batch: &Batch, now_ms: u64) -> Step {
    if now_ms < batch.busy_until_ms && !planted(Fault::BatchWorkRepeated) {
        return Step::Rest;
    }
    if batch.owes_results() {
        return Step::Give;
    }
    let home = || batch.parts.iter().all(|part| part.collected().is_some());
    match &batch.state {
        State::Validating | State::Cancelling { split: false } => Step::Validate,
        State::InProgress if home() => Step::Finalize,
        State::InProgress if batch.parts.iter().any(|part| part.state == PartState::Sealed) => Step::Place,
        State::Finalizing => Step::Merge,
        State::Cancelling { split: true } if home() => Step::Merge,
        State::Cancelling { split: true } if batch.parts.iter().any(runs_on) => Step::Withdraw,
        State::InProgress
        | State::Cancelling { split: true }
        | State::Failed { .. }
        | State::Completed(_)
        | State::Expired(_)
        | State::Cancelled(_) => Step::Rest,
    }
}

/// Whether a part's submission does not know yet that it should end.
fn runs_on(part: &Part) -> bool {
    matches!(part.state, PartState::Sealed | PartState::Placed { withdrawn: false })
}
