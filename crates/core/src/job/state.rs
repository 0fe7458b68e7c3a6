//! The states of a job and the one function that moves between them.

use serde::{Deserialize, Serialize};

use crate::ids::{ObjectName, SubmissionId};

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its message waits, or is on its way.
    Queued,
    /// A submission holds it.
    Packed {
        /// That submission.
        submission: SubmissionId,
    },
    /// The provider answered its line, whatever the status.
    Done(Answer),
    /// No answer can come.
    Failed(Failure),
    /// Withdrawn before it ran, or before its line finished.
    Cancelled,
    /// Its deadline passed without an answer.
    Expired,
}

/// The provider's answer to a line, in the results object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The provider's HTTP status for the line.
    pub status: u16,
    /// The results object.
    pub object: ObjectName,
    /// First byte of the answer's body.
    pub offset: u64,
    /// Bytes of the answer's body.
    pub length: u64,
    /// What the provider counted.
    pub usage: Usage,
}

/// Tokens that a provider counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Completion tokens.
    pub output_tokens: u64,
}

/// Why no answer can come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable code for programs.
    pub code: String,
    /// A sentence for people, without anything of the request.
    pub message: String,
}

/// What may happen to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A packer takes it into a submission; also a reclaim from an abandoned one.
    Claim(SubmissionId),
    /// Its line was answered.
    Answer(Answer),
    /// No answer can come.
    Fail(Failure),
    /// Its line failed for a passing reason.
    Requeue,
    /// Its caller withdrew it.
    Cancel,
    /// Its deadline passed.
    Expire,
}

/// The event does not fit the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {from} job cannot take this step")]
pub struct IllegalTransition {
    /// The state that refused.
    pub from: StateKind,
}

/// The state after an event. Final states accept nothing.
///
/// # Errors
/// [`IllegalTransition`] where the state does not allow the event.
pub fn next(state: &State, event: Event) -> Result<State, IllegalTransition> {
    match (state, event) {
        (State::Queued | State::Packed { .. }, Event::Claim(submission)) => Ok(State::Packed { submission }),
        (State::Packed { .. }, Event::Answer(answer)) => Ok(State::Done(answer)),
        (State::Packed { .. }, Event::Requeue) => Ok(State::Queued),
        (State::Queued | State::Packed { .. }, Event::Fail(failure)) => Ok(State::Failed(failure)),
        (State::Queued | State::Packed { .. }, Event::Cancel) => Ok(State::Cancelled),
        (State::Queued | State::Packed { .. }, Event::Expire) => Ok(State::Expired),
        (State::Queued | State::Done(_) | State::Failed(_) | State::Cancelled | State::Expired, _) => {
            Err(IllegalTransition { from: state.kind() })
        }
    }
}

/// A state without its particulars: what rows index, listings filter and counts name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateKind {
    /// See [`State::Queued`].
    Queued,
    /// See [`State::Packed`].
    Packed,
    /// See [`State::Done`].
    Done,
    /// See [`State::Failed`].
    Failed,
    /// See [`State::Cancelled`].
    Cancelled,
    /// See [`State::Expired`].
    Expired,
}

impl StateKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Queued, Self::Packed, Self::Done, Self::Failed, Self::Cancelled, Self::Expired];

    /// The stored and printed spelling; serde uses the same.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Packed => "packed",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether nothing more can happen.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Packed)
    }
}

impl std::fmt::Display for StateKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl State {
    /// The state without its particulars.
    pub const fn kind(&self) -> StateKind {
        match self {
            Self::Queued => StateKind::Queued,
            Self::Packed { .. } => StateKind::Packed,
            Self::Done(_) => StateKind::Done,
            Self::Failed(_) => StateKind::Failed,
            Self::Cancelled => StateKind::Cancelled,
            Self::Expired => StateKind::Expired,
        }
    }

    /// Whether nothing more can happen.
    pub const fn is_final(&self) -> bool {
        self.kind().is_final()
    }
}
