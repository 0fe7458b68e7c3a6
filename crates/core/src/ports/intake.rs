//! The intake queues: one per class, shaped like SQS.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::ids::{JobId, TenantId};
use crate::job::BodyAt;
use crate::lane::Lane;
use crate::submission::Size;

/// A job on its way to a packer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The job.
    pub job: JobId,
    /// The attempt that this message is for.
    pub attempt: u32,
    /// Whose job it is.
    pub tenant: TenantId,
    /// Where it may go; its class names the queue.
    pub lane: Lane,
    /// What it adds to a submission.
    pub size: Size,
    /// When the job was accepted, Unix milliseconds.
    pub created_ms: u64,
    /// When it must be done, Unix milliseconds.
    pub deadline_ms: u64,
    /// The request's body.
    #[serde(skip)]
    pub body: MessageBody,
}

/// A request's body: in the message, or in the object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageBody {
    /// The bytes themselves.
    Inline(Bytes),
    /// Where the bytes are.
    At(BodyAt),
}

impl Default for MessageBody {
    fn default() -> Self {
        Self::Inline(Bytes::new())
    }
}

/// Names one delivery of a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub String);

/// One delivery of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Deletes this delivery's message.
    pub receipt: Receipt,
    /// How often it was delivered, this time included.
    pub receives: u32,
    /// What was sent.
    pub message: Message,
}

/// How much waits in a queue, approximately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Messages that a receive could bring now.
    pub visible: u64,
    /// Messages that are hidden after a receive.
    pub hidden: u64,
}

/// The intake queues. At least once, unordered; a message is kept until deleted, at least 14 days, however often it
/// was received.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Stores each message in its class's queue. Durable when it returns. A repeat sends a second message.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: some may have been sent.
    async fn send(&self, messages: Vec<Message>) -> Result<(), StoreError>;

    /// Up to `max` visible messages, hidden from other receivers for `visibility_ms`; waits up to `wait_ms` for the
    /// first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: some may be hidden all the same.
    async fn receive(
        &self,
        class: &str,
        max: usize,
        visibility_ms: u64,
        wait_ms: u64,
    ) -> Result<Vec<Received>, StoreError>;

    /// Deletes the messages of these deliveries. A receipt whose message was deleted, or delivered again since, is
    /// no error; whether a stale one still deletes is the queue's choice.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: some may have been deleted.
    async fn delete(&self, class: &str, receipts: Vec<Receipt>) -> Result<(), StoreError>;

    /// About how many messages wait.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn depth(&self, class: &str) -> Result<Depth, StoreError>;
}
