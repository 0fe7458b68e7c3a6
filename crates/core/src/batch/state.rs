//! The states of a batch and the one function that moves between them.

use serde::{Deserialize, Serialize};

use super::{Collected, InputError, Part, Results};
use crate::ids::SubmissionId;

/// Where a batch stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its input is still to be read.
    Validating,
    /// Its input was refused.
    Failed {
        /// What is wrong with it, in the order of its lines.
        errors: Vec<InputError>,
    },
    /// Its parts run.
    InProgress,
    /// Every part came home: its files are being written.
    Finalizing,
    /// Every line has its answer, whatever that is.
    Completed(Results),
    /// Its window ended before all lines were answered.
    Expired(Results),
    /// Its caller withdrew it; what ran is being brought home.
    Cancelling {
        /// Its input was read, and its parts are known.
        split: bool,
    },
    /// Its caller withdrew it; what had run by then is kept.
    Cancelled(Results),
}

/// What may happen to a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Its input was read, and its parts are durable: the point of no return.
    Split {
        /// All of them.
        parts: Vec<Part>,
        /// Their lines.
        lines: u64,
        /// The one model that all lines name, if they name one.
        model: Option<String>,
    },
    /// Its input was read, and is refused.
    Refuse(Vec<InputError>),
    /// Its caller withdraws it.
    Cancel,
    /// The rows of these submissions exist.
    Place(Vec<SubmissionId>),
    /// The rows of these submissions exist, and were asked to end.
    Withdraw(Vec<SubmissionId>),
    /// A part came home.
    Collect {
        /// Its submission.
        submission: SubmissionId,
        /// What became of its lines.
        collected: Box<Collected>,
        /// The parts that run some of them again.
        again: Vec<Part>,
    },
    /// A part had no chance to run, and another submission takes its lines.
    PutBack {
        /// The submission that could not.
        submission: SubmissionId,
        /// The one that will.
        by: SubmissionId,
    },
    /// Every part came home.
    Finalize,
    /// Its files exist.
    Complete(Results),
    /// Its files exist, and lines in them were not answered in time.
    Expire(Results),
}

/// The event does not fit the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a batch that is {from:?} cannot take this step")]
pub struct IllegalTransition {
    /// The state that refused.
    pub from: StateKind,
}

/// The state after an event. Final states accept nothing.
///
/// # Errors
/// [`IllegalTransition`] where the state does not allow the event.
pub fn next(state: &State, event: Event) -> Result<State, IllegalTransition> {
    use State as S;
    match (state, event) {
        (S::Validating, Event::Refuse(errors)) => Ok(S::Failed { errors }),
        (S::Validating, Event::Cancel) => Ok(S::Cancelling { split: false }),
        // Nothing of it was a line: there is nothing to say of any.
        (S::Cancelling { split: false }, Event::Refuse(_)) => Ok(S::Cancelled(Results::default())),
        (S::Validating, Event::Split { .. })
        | (S::InProgress, Event::Place(_) | Event::Collect { .. } | Event::PutBack { .. }) => Ok(S::InProgress),
        (S::InProgress, Event::Cancel)
        | (S::Cancelling { split: false }, Event::Split { .. })
        | (S::Cancelling { split: true }, Event::Place(_) | Event::Withdraw(_) | Event::Collect { .. }) => {
            Ok(S::Cancelling { split: true })
        }
        (S::InProgress, Event::Finalize) => Ok(S::Finalizing),
        (S::Finalizing, Event::Complete(results)) => Ok(S::Completed(results)),
        (S::Finalizing, Event::Expire(results)) => Ok(S::Expired(results)),
        (S::Cancelling { split: true }, Event::Complete(results)) => Ok(S::Cancelled(results)),
        (
            S::Validating
            | S::Failed { .. }
            | S::InProgress
            | S::Finalizing
            | S::Completed(_)
            | S::Expired(_)
            | S::Cancelling { .. }
            | S::Cancelled(_),
            _,
        ) => Err(IllegalTransition { from: state.kind() }),
    }
}

/// A state without its particulars: what rows index and callers read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateKind {
    /// See [`State::Validating`].
    Validating,
    /// See [`State::Failed`].
    Failed,
    /// See [`State::InProgress`].
    InProgress,
    /// See [`State::Finalizing`].
    Finalizing,
    /// See [`State::Completed`].
    Completed,
    /// See [`State::Expired`].
    Expired,
    /// See [`State::Cancelling`].
    Cancelling,
    /// See [`State::Cancelled`].
    Cancelled,
}

impl StateKind {
    /// Every kind, in the order of OpenAI's documentation.
    pub const ALL: [Self; 8] = [
        Self::Validating,
        Self::Failed,
        Self::InProgress,
        Self::Finalizing,
        Self::Completed,
        Self::Expired,
        Self::Cancelling,
        Self::Cancelled,
    ];

    /// The stored and printed spelling, OpenAI's; serde uses the same.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::Failed => "failed",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more can happen.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Failed | Self::Completed | Self::Expired | Self::Cancelled)
    }
}

impl State {
    /// The state without its particulars.
    pub const fn kind(&self) -> StateKind {
        match self {
            Self::Validating => StateKind::Validating,
            Self::Failed { .. } => StateKind::Failed,
            Self::InProgress => StateKind::InProgress,
            Self::Finalizing => StateKind::Finalizing,
            Self::Completed(_) => StateKind::Completed,
            Self::Expired(_) => StateKind::Expired,
            Self::Cancelling { .. } => StateKind::Cancelling,
            Self::Cancelled(_) => StateKind::Cancelled,
        }
    }

    /// What it has left, once it has ended with files.
    pub const fn results(&self) -> Option<&Results> {
        match self {
            Self::Completed(results) | Self::Expired(results) | Self::Cancelled(results) => Some(results),
            Self::Validating | Self::Failed { .. } | Self::InProgress | Self::Finalizing | Self::Cancelling { .. } => {
                None
            }
        }
    }
}
