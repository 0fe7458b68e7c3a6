//! A notice: what somebody is owed once an object has ended. All of them are the outbox.
//!
//! ```text
//! [notice: owed] ─► [object: final state] ─► sent ─► delivered
//!       │                                     │ └──► sent again, later ─► dead ─► (replayed) owed
//!       └─► void: the object ended otherwise, or is gone
//! ```
//! The notice is written before the state that it tells of, and sent only once that state is there (DESIGN rule 15): who
//! dies between the two leaves a notice that turns out void, and never an end of which nobody hears. Its id derives from
//! the object, its final state and the receiver, so a repeat owes nothing twice; the receiver knows a repeated delivery by
//! the event's id, which derives from object and state alone.

mod event;
mod receiver;
mod retry;

use serde::{Deserialize, Serialize};

pub use event::EventType;
pub use receiver::{MAX_RECEIVERS, Receiver, Receivers, SigningSecret, Webhook};
pub use retry::{ATTEMPTS, LEASE_MS, Outcome, after, wait_ms};

use crate::ids::{EventId, JobId, NativeBatchId, NoticeId, ReceiverId, TenantId, derive};
use crate::job::StateKind;

/// The row of one notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// See [`Notice::new`].
    pub id: NoticeId,
    /// Whose object ended.
    pub tenant: TenantId,
    /// Raised by every write; the first stored version is 1.
    pub version: u64,
    /// What ended.
    pub subject: Subject,
    /// How.
    pub event: EventType,
    /// Who is told.
    pub to: Target,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// When it is looked at next, Unix milliseconds, while it is owed.
    pub due_ms: u64,
    /// How often it was sent.
    pub attempts: u32,
    /// Where it stands.
    pub state: State,
    /// What came of the last attempt, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// What ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A caller's batch.
    Batch(NativeBatchId),
    /// A job.
    Job {
        /// Its id.
        id: JobId,
        /// At which attempt: a job that was requeued instead ends at a later one.
        attempt: u32,
        /// In which state. Two ends may have one event: whoever means to expire a job whose answer comes first owes that a
        /// response has failed, and of a response that was answered the same may be told.
        end: StateKind,
    },
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A tenant's receiver.
    Webhook(Webhook),
    /// The operator's event bus.
    Bus,
}

/// Where a notice stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is to be sent, as soon as what it tells of is true.
    Owed,
    /// Its receiver has it.
    Delivered {
        /// Unix milliseconds.
        at_ms: u64,
    },
    /// Its receiver did not take it, and it is not sent again unless somebody asks.
    Dead {
        /// Unix milliseconds.
        at_ms: u64,
    },
    /// What it would tell of did not happen.
    Void {
        /// Unix milliseconds.
        at_ms: u64,
    },
}

impl State {
    /// When it was decided, Unix milliseconds; nothing while it is owed.
    pub const fn ended_ms(&self) -> Option<u64> {
        match self {
            Self::Owed => None,
            Self::Delivered { at_ms } | Self::Dead { at_ms } | Self::Void { at_ms } => Some(*at_ms),
        }
    }
}

impl Notice {
    /// What `to` is owed when `subject` ends so; due at once.
    pub fn new(tenant: TenantId, subject: Subject, event: EventType, to: Target, now_ms: u64) -> Self {
        Self {
            id: NoticeId(derive(&[&subject.text(), event.name(), &to.text()])),
            tenant,
            version: 1,
            subject,
            event,
            to,
            created_ms: now_ms,
            due_ms: now_ms,
            attempts: 0,
            state: State::Owed,
            last: None,
        }
    }

    /// The id of the event, the same for every receiver.
    pub fn event_id(&self) -> EventId {
        EventId(derive(&[&self.subject.text(), self.event.name()]))
    }

    /// Whether it was given up, and is its tenant's to send again.
    pub const fn is_dead_letter(&self) -> bool {
        matches!((&self.state, &self.to), (State::Dead { .. }, Target::Webhook(_)))
    }

    /// The receiver that is told, if it is a tenant's.
    pub const fn receiver(&self) -> Option<ReceiverId> {
        match &self.to {
            Target::Webhook(webhook) => Some(webhook.receiver),
            Target::Bus => None,
        }
    }
}

impl Subject {
    /// The id of the object, as a receiver knows it.
    pub fn object_id(&self, event: EventType) -> String {
        match self {
            Self::Batch(id) => id.text(),
            Self::Job { id, .. } if event.is_response() => crate::ids::response_id(*id),
            Self::Job { id, .. } => id.text(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Batch(id) => id.text(),
            Self::Job { id, attempt, end } => format!("{id}/{attempt}/{end}"),
        }
    }
}

impl Target {
    fn text(&self) -> String {
        match self {
            Self::Webhook(Webhook { receiver, url: None }) => receiver.text(),
            Self::Webhook(Webhook { receiver, url: Some(url) }) => format!("{receiver} {url}"),
            Self::Bus => "bus".to_owned(),
        }
    }
}
