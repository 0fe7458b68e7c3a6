//! Stores that hold nothing, so that what is measured is the function's own memory: a queue whose messages are made when
//! they are received, and rows that are as every condition wants them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::{CredentialId, JobId, TenantId};
use offpeak_core::job::{Job, Mark, Transition};
use offpeak_core::lane::{Lane, Terms};
use offpeak_core::ports::{Created, Depth, Intake, Jobs, Message, MessageBody, Receipt, Received, StoreError, Written};
use offpeak_core::submission::{Size, line};

use crate::memory::{CLASS, PROVIDER};

/// When every job was accepted: long ago.
const CREATED_MS: u64 = 1_767_225_600_000;

/// Messages that are yet to be made. Clones share them.
#[derive(Clone)]
pub(crate) struct Flood {
    left: Arc<AtomicUsize>,
    body: usize,
}

impl Flood {
    /// So many messages with bodies of so many bytes.
    pub(crate) fn of(messages: usize, body: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(messages)), body }
    }

    /// What a line of a batch adds to its file.
    pub(crate) fn line_bytes(body: usize) -> usize {
        body + line::FRAME + Endpoint::ChatCompletions.path().len()
    }

    fn message(&self, number: usize) -> Received {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&(number as u64).to_be_bytes());
        let head = format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{number} "#);
        let tail = r#""}]}"#;
        let filling = self.body.saturating_sub(head.len() + tail.len());
        let body = format!("{head}{}{tail}", "x".repeat(filling));
        let message = Message {
            job: JobId(id),
            attempt: 0,
            tenant: TenantId::from("default"),
            lane: lane(),
            size: Size { requests: 1, bytes: Self::line_bytes(body.len()) as u64, tokens: 0, inputs: 0 },
            created_ms: CREATED_MS,
            deadline_ms: u64::MAX,
            body: MessageBody::Inline(Bytes::from(body)),
        };
        Received {
            receipt: Receipt(format!("receipt-of-a-hundred-characters-or-more-{number:064}")),
            receives: 1,
            message,
        }
    }
}

fn lane() -> Lane {
    Lane {
        credential: CredentialId::own(PROVIDER),
        provider: PROVIDER.to_owned(),
        endpoint: Endpoint::ChatCompletions,
        model: "gpt-4o-mini".to_owned(),
        class: CLASS.to_owned(),
        terms: Terms::default(),
    }
}

#[async_trait]
impl Intake for Flood {
    async fn send(&self, _: Vec<Message>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn receive(&self, _: &str, max: usize, _: u64, _: u64) -> Result<Vec<Received>, StoreError> {
        let left = self.left.load(Ordering::Relaxed);
        let count = max.min(left);
        self.left.store(left - count, Ordering::Relaxed);
        Ok((left - count..left).map(|number| self.message(number)).collect())
    }

    async fn delete(&self, _: &str, _: Vec<Receipt>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn depth(&self, _: &str) -> Result<Depth, StoreError> {
        Ok(Depth { visible: self.left.load(Ordering::Relaxed) as u64, hidden: 0 })
    }
}

/// Rows that say yes to every write.
pub(crate) struct Agreeable;

#[async_trait]
impl Jobs for Agreeable {
    async fn create(&self, jobs: Vec<Job>) -> Result<Vec<Created>, StoreError> {
        Ok(jobs.iter().map(|_| Created::New).collect())
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        Ok(ids.iter().map(|_| None).collect())
    }

    async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<Written>, StoreError> {
        Ok(transitions.iter().map(|_| Written::Yes).collect())
    }

    async fn mark(&self, _: JobId, _: Mark) -> Result<Written, StoreError> {
        Ok(Written::Yes)
    }
}
