//! The types of events, and which of them an object's end is.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::batch;
use crate::endpoint::Endpoint;
use crate::ids::MalformedId;
use crate::job;

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What happened. The first eight are OpenAI's (Webhooks guide and description, read 2026-11-20), the others ours.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventType {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl EventType {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its one spelling.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

event_types! {
    /// A batch has its answers.
    BatchCompleted = "batch.completed",
    /// A batch's input was refused.
    BatchFailed = "batch.failed",
    /// A batch's window ended before all its lines were answered.
    BatchExpired = "batch.expired",
    /// A batch was withdrawn.
    BatchCancelled = "batch.cancelled",
    /// A response has its answer.
    ResponseCompleted = "response.completed",
    /// A response has no answer, and gets none.
    ResponseFailed = "response.failed",
    /// A response was withdrawn.
    ResponseCancelled = "response.cancelled",
    /// A response's answer was cut short.
    ResponseIncomplete = "response.incomplete",
    /// A job was answered, whatever the status.
    JobCompleted = "job.completed",
    /// No answer to a job can come.
    JobFailed = "job.failed",
    /// A job's deadline passed without an answer.
    JobExpired = "job.expired",
    /// A job was withdrawn.
    JobCancelled = "job.cancelled",
}

impl FromStr for EventType {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        Self::ALL.iter().copied().find(|event| event.name() == text).ok_or(MalformedId)
    }
}

impl EventType {
    /// Whether it tells of a job as the response that it is.
    pub const fn is_response(self) -> bool {
        matches!(
            self,
            Self::ResponseCompleted | Self::ResponseFailed | Self::ResponseCancelled | Self::ResponseIncomplete
        )
    }

    /// What the id of its object begins with.
    pub const fn object_prefix(self) -> &'static str {
        match self {
            Self::BatchCompleted | Self::BatchFailed | Self::BatchExpired | Self::BatchCancelled => "batch_",
            Self::ResponseCompleted | Self::ResponseFailed | Self::ResponseCancelled | Self::ResponseIncomplete => {
                "resp_"
            }
            Self::JobCompleted | Self::JobFailed | Self::JobExpired | Self::JobCancelled => "job_",
        }
    }

    /// How a batch ends in that state; nothing while it goes on.
    pub const fn of_batch(state: batch::StateKind) -> Option<Self> {
        match state {
            batch::StateKind::Completed => Some(Self::BatchCompleted),
            batch::StateKind::Failed => Some(Self::BatchFailed),
            batch::StateKind::Expired => Some(Self::BatchExpired),
            batch::StateKind::Cancelled => Some(Self::BatchCancelled),
            batch::StateKind::Validating
            | batch::StateKind::InProgress
            | batch::StateKind::Finalizing
            | batch::StateKind::Cancelling => None,
        }
    }

    /// How a job ends in that state, and, at OpenAI's responses, the response that it is; nothing while it goes on.
    ///
    /// `body` is its answer's, as far as it is at hand: without it an answer with success is a completed response.
    pub fn of_job(endpoint: Endpoint, state: &job::State, body: Option<&[u8]>) -> Vec<Self> {
        let (job, response) = match state {
            job::State::Queued | job::State::Packed { .. } => return Vec::new(),
            job::State::Done(answer) => (Self::JobCompleted, answered(answer.status, body)),
            job::State::Failed(_) => (Self::JobFailed, Self::ResponseFailed),
            job::State::Cancelled => (Self::JobCancelled, Self::ResponseCancelled),
            job::State::Expired => (Self::JobExpired, Self::ResponseFailed),
        };
        if endpoint == Endpoint::Responses { vec![job, response] } else { vec![job] }
    }
}

/// What an answer to a response says of it.
fn answered(status: u16, body: Option<&[u8]>) -> EventType {
    #[derive(Deserialize)]
    struct Brief<'a> {
        #[serde(borrow, default)]
        status: std::borrow::Cow<'a, str>,
    }
    if status >= 400 {
        return EventType::ResponseFailed;
    }
    let brief = body.and_then(|body| serde_json::from_slice::<Brief<'_>>(body).ok());
    match brief.as_ref().map(|brief| brief.status.as_ref()) {
        Some("incomplete") => EventType::ResponseIncomplete,
        Some("failed") => EventType::ResponseFailed,
        Some("cancelled") => EventType::ResponseCancelled,
        Some(_) | None => EventType::ResponseCompleted,
    }
}
