//! A submission: one unit sent to a backend, from the first claim to the last answer.

pub mod line;
pub mod manifest;
mod size;
mod state;
mod step;

use serde::{Deserialize, Serialize};

pub use size::{Limits, LineCounts, Size};
pub use state::{CancelReason, Creating, Ending, Event, IllegalTransition, Placed, Refusal, State, StateKind, next};
pub use step::{Step, step};

use crate::ids::{NativeBatchId, ObjectName, SubmissionId};
use crate::lane::Lane;

/// The row of one submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Ascending with time.
    pub id: SubmissionId,
    /// Raised by every write; the first stored version is 1.
    pub version: u64,
    /// Which jobs it may hold.
    pub lane: Lane,
    /// Where it stands.
    pub state: State,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// What was sealed; none while it is open, and for ever if it was abandoned.
    pub sealed: Option<Sealed>,
    /// Whose lines it has.
    #[serde(default, skip_serializing_if = "Origin::is_jobs")]
    pub origin: Origin,
    /// Until when whoever transfers its file, or settles its jobs, asks the others to leave it alone, Unix milliseconds;
    /// 0, nobody does. It saves work that would be done twice; nothing else relies on it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub busy_until_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Whose lines a submission has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Jobs that waited for a departure.
    #[default]
    Jobs,
    /// A part of a caller's batch.
    Batch {
        /// That batch.
        batch: NativeBatchId,
        /// It was asked to end: what has not run by now need not.
        withdrawn: bool,
    },
}

impl Origin {
    /// The batch whose part it is, if it is one.
    pub const fn batch(&self) -> Option<NativeBatchId> {
        match self {
            Self::Jobs => None,
            Self::Batch { batch, .. } => Some(*batch),
        }
    }

    /// Whether it was asked to end.
    pub const fn is_withdrawn(&self) -> bool {
        matches!(self, Self::Batch { withdrawn: true, .. })
    }

    const fn is_jobs(&self) -> bool {
        matches!(self, Self::Jobs)
    }
}

/// What sealing fixed for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The JSONL that is uploaded.
    pub object: ObjectName,
    /// Which job's line is where in it: see [`manifest`].
    pub manifest: ObjectName,
    /// SHA-256 of the manifest, in hexadecimal.
    pub manifest_sha256: String,
    /// Lines, bytes, tokens.
    pub size: Size,
    /// The latest deadline of its jobs, Unix milliseconds.
    pub deadline_ms: u64,
    /// When the first of its jobs is to be taken to a later target, Unix milliseconds; none, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_ms: Option<u64>,
}

impl Submission {
    /// Whether lines of it are to be taken to a later target now, and one is there that can still be in time.
    pub fn turns(&self, now_ms: u64) -> bool {
        let Some(sealed) = &self.sealed else { return false };
        let due = sealed.turn_ms.is_some_and(|turn_ms| now_ms >= turn_ms);
        due && now_ms < sealed.deadline_ms && self.lane.has_later_within(sealed.deadline_ms - now_ms)
    }

    /// The row after an event, and nobody busy with it; its version unchanged: the store raises it.
    ///
    /// # Errors
    /// [`IllegalTransition`] where the state does not allow the event.
    pub fn after(&self, event: Event) -> Result<Self, IllegalTransition> {
        let sealed = match &event {
            Event::Seal(sealed) => Some(sealed.clone()),
            Event::Renew { .. }
            | Event::Abandon
            | Event::Upload
            | Event::Create(_)
            | Event::Postpone { .. }
            | Event::Absent { .. }
            | Event::Place(_)
            | Event::Withdraw
            | Event::Cancel(_)
            | Event::End(_)
            | Event::Retry { .. }
            | Event::Choose { .. }
            | Event::Collected { .. } => self.sealed.clone(),
        };
        let origin = match (self.origin, &event) {
            (Origin::Batch { batch, .. }, Event::Withdraw) => Origin::Batch { batch, withdrawn: true },
            (origin, _) => origin,
        };
        let state = next(&self.state, event)?;
        Ok(Self { state, sealed, origin, busy_until_ms: 0, ..self.clone() })
    }
}
