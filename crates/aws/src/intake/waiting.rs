//! Which jobs have a message: for an operator's audit.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use offpeak_core::ids::JobId;
use offpeak_core::ports::StoreError;
use tokio::time::Instant;

use super::queue::{CALL_MESSAGES, Queue};
use super::text::{self, Read};
use super::{CALLS, Intake};

/// How long messages hide meanwhile, milliseconds.
const HIDE_MS: u64 = 60_000;
/// The longest look: well before the first message comes back and is counted again.
const LONGEST: Duration = Duration::from_secs(45);
/// How long a call waits for a message, milliseconds: a waiting call asks all of a queue's machines.
const WAIT_MS: u64 = 1_000;
/// Calls that bring nothing, running, before a queue counts as empty.
const EMPTY: u32 = 2;

impl Intake {
    /// The jobs whose messages could be received now. Receives all of them, and gives them back: each counts one more
    /// delivery, and a packer that comes meanwhile finds none. Those that a packer holds are not among them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: also where there are more than can be looked through in 45 s.
    pub async fn waiting(&self, class: &str) -> Result<BTreeSet<JobId>, StoreError> {
        let queue = self.queue(class)?;
        let mut receipts = Vec::new();
        let jobs = look(queue, &mut receipts).await;
        let calls: Vec<_> = receipts.chunks(CALL_MESSAGES).map(|some| queue.give_back(some)).collect();
        let mut calls = stream::iter(calls).buffer_unordered(CALLS);
        while let Some(shown) = calls.next().await {
            if let Err(error) = shown {
                tracing::warn!(%error, class, "messages stay hidden for a minute");
            }
        }
        jobs
    }
}

async fn look(queue: &Queue, receipts: &mut Vec<String>) -> Result<BTreeSet<JobId>, StoreError> {
    let (mut jobs, mut empty, end) = (BTreeSet::new(), 0, Instant::now() + LONGEST);
    while empty < EMPTY {
        if Instant::now() >= end {
            return Err(StoreError::Unavailable("more messages wait than can be looked through".to_owned()));
        }
        let messages = queue.receive(CALL_MESSAGES, HIDE_MS, WAIT_MS).await?;
        empty = if messages.is_empty() { empty + 1 } else { 0 };
        for message in messages {
            if let Read::Whole(read) | Read::Bodiless(read) = text::read(message.body().unwrap_or_default()) {
                jobs.insert(read.job);
            }
            receipts.extend(message.receipt_handle);
        }
    }
    Ok(jobs)
}
