//! The intake queues: one SQS standard queue per class.
//!
//! SQS is authoritative for what waits, hides and was delivered how often. A body that is too long for a message lies
//! under `bodies/` in the object store before its message is sent; what no message can be read from is kept under
//! `poison/` and blocks nobody.

mod batches;
mod body;
mod drain;
mod poison;
mod queue;
mod text;
mod waiting;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use futures_util::{StreamExt, TryStreamExt, stream};
use offpeak_core::ports::{self, Depth, Message, Receipt, Received, StoreError};

use crate::objects::Objects;
use queue::{CALL_MESSAGES, Queue};

/// Calls under way at once for one send or delete.
const CALLS: usize = 32;

/// The intake queues.
pub struct Intake {
    queues: BTreeMap<String, Queue>,
    objects: Arc<Objects>,
}

impl Intake {
    pub(crate) fn new(client: &Client, urls: BTreeMap<String, String>, objects: Arc<Objects>) -> Self {
        let queue = |(class, url)| (class, Queue { client: client.clone(), url });
        Self { queues: urls.into_iter().map(queue).collect(), objects }
    }

    fn queue(&self, class: &str) -> Result<&Queue, StoreError> {
        self.queues.get(class).ok_or_else(|| {
            let known: Vec<&str> = self.queues.keys().map(String::as_str).collect();
            StoreError::Unavailable(format!("class {class:?} has no queue; there are {}", known.join(", ")))
        })
    }
}

#[async_trait]
impl ports::Intake for Intake {
    async fn send(&self, messages: Vec<Message>) -> Result<(), StoreError> {
        let mut batches = batches::Batches::default();
        for message in messages {
            let queue = self.queue(&message.lane.class)?.clone();
            let text = match text::write(&message) {
                Some(text) => text,
                None => body::aside(&self.objects, message).await?,
            };
            batches.add(queue, text);
        }
        let sends = batches.into_iter().map(|(queue, texts)| async move { queue.send(texts).await });
        stream::iter(sends).buffer_unordered(CALLS).try_collect().await
    }

    async fn receive(
        &self,
        class: &str,
        max: usize,
        visibility_ms: u64,
        wait_ms: u64,
    ) -> Result<Vec<Received>, StoreError> {
        drain::Drain::new(self.queue(class)?, &self.objects, max, visibility_ms).run(wait_ms).await
    }

    async fn delete(&self, class: &str, receipts: Vec<Receipt>) -> Result<(), StoreError> {
        let queue = self.queue(class)?;
        let receipts: Vec<String> = receipts.into_iter().map(|receipt| receipt.0).collect();
        let calls = receipts.chunks(CALL_MESSAGES).map(|some| queue.delete(some.to_vec()));
        stream::iter(calls.collect::<Vec<_>>()).buffer_unordered(CALLS).try_collect().await
    }

    async fn depth(&self, class: &str) -> Result<Depth, StoreError> {
        self.queue(class)?.depth().await
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").field("classes", &self.queues.keys()).finish_non_exhaustive()
    }
}
