//! A job: one accepted OpenAI-shaped request, from its row to its answer.

pub mod identity;
mod state;
mod transition;

use serde::{Deserialize, Serialize};

pub use state::{Answer, Event, Failure, IllegalTransition, State, StateKind, Usage, next};
pub use transition::{Mark, Transition, When};

use crate::ids::{JobId, ObjectName, RequestId, SubmissionId, TenantId};
use crate::lane::Lane;
use crate::notice::Webhook;

/// The row of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Derived from the request, or from its Idempotency-Key: see [`identity`].
    pub id: JobId,
    /// Whose job it is.
    pub tenant: TenantId,
    /// What was asked.
    pub request: Request,
    /// What it may share a submission with.
    pub lane: Lane,
    /// Where it stands.
    pub state: State,
    /// How many executions were asked for before this one; 0 at first.
    pub attempt: u32,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// Unix milliseconds; past it no new attempt begins.
    pub deadline_ms: u64,
    /// Unix milliseconds of the final state; 0 before.
    pub finished_ms: u64,
    /// How callers find it and who took its answer.
    pub joins: Joins,
    /// Cancel was asked while it was packed: a wish, obeyed by reclaim or collect.
    pub cancel_wished: bool,
    /// Where its body is stored, once it is not in its message.
    pub body: Option<BodyAt>,
}

/// What was asked, as far as Offpeak looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The model as the caller named it.
    pub model: String,
    /// SHA-256 of the caller's body, in hexadecimal.
    pub body_sha256: String,
    /// Whether an Idempotency-Key names the job: then every caller gets the same answer.
    pub keyed: bool,
    /// The caller's tag for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Who is told of its end, beside those who are told of every job's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
}

/// How identical unkeyed requests find their job, and who took the answer (DESIGN rules 11 and 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Joins {
    /// Which of the twins (jobs with equal bodies) this is.
    pub n: u32,
    /// On n = 0: how many twins are known to exist.
    pub count: u32,
    /// On n = 0: below it every twin was handed out over an hour ago.
    pub low: u32,
    /// How often a joining call sent the message again.
    pub resends: u32,
    /// Who took the answer.
    pub handed: Option<Handed>,
}

/// The mark of an answer handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// The call that took it.
    pub request: RequestId,
    /// That call's retry count.
    pub retry_count: u32,
    /// Unix milliseconds.
    pub at_ms: u64,
}

/// A slice of a stored object that holds a job's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyAt {
    /// The object.
    pub object: ObjectName,
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

impl Handed {
    /// The answer was deleted: nobody has it. No retry's count is above it, so none takes it for one that was lost.
    pub const fn to_nobody(at_ms: u64) -> Self {
        Self { request: RequestId::NOBODY, retry_count: u32::MAX, at_ms }
    }
}

impl Job {
    /// Whether its answer was deleted.
    pub fn is_deleted(&self) -> bool {
        self.joins.handed.is_some_and(|handed| handed.request == RequestId::NOBODY)
    }

    /// The submission that holds the job, while it is packed.
    pub fn submission(&self) -> Option<SubmissionId> {
        match self.state {
            State::Packed { submission } => Some(submission),
            State::Queued | State::Done(_) | State::Failed(_) | State::Cancelled | State::Expired => None,
        }
    }

    /// The condition under which the row is still as it is here.
    pub fn as_is(&self) -> When {
        When { submission: self.submission(), attempt: self.attempt }
    }
}
