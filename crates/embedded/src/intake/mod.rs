//! The intake queues.
//!
//! ```text
//! messages (rows, in order of arrival)     ──────────────┬──────────────►
//!                       delivered before: hidden or back │ cursor: never delivered since the process began
//! ```
//!
//! Rows are authoritative for what waits. Who has a message, until when and how often it was delivered is in memory:
//! after a restart every message is visible at once, and no receipt of before deletes anything. A receipt whose message
//! was delivered again since does not delete it.

mod body;
mod places;
mod queue;
mod rows;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use offpeak_core::ports::{self, Depth, Message, Random, Receipt, Received, StoreError};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::error::Fault;
use crate::objects::Objects;
use crate::random::SystemRandom;
use crate::readers::Readers;
use crate::writer::Writer;

pub(crate) use places::Places;
use queue::Queue;
pub(crate) use rows::{depth, messages, queues};

/// The intake queues.
pub struct Intake {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    objects: Arc<Objects>,
    queues: Mutex<HashMap<String, Arc<Queue>>>,
    /// Tells this process's receipts from another's.
    epoch: u64,
    serving: bool,
}

/// What is in a queue when the process begins.
pub(crate) struct Found {
    pub(crate) class: String,
    pub(crate) number: i64,
    pub(crate) messages: u64,
}

impl Intake {
    pub(crate) fn new(
        writer: Arc<Writer>,
        readers: Arc<Readers>,
        objects: Arc<Objects>,
        found: Vec<Found>,
        serving: bool,
    ) -> Self {
        let queues = found.into_iter().map(|found| {
            let queue = Queue::new();
            queue.open(rows::first(found.number));
            queue.sent(found.messages);
            (found.class, Arc::new(queue))
        });
        let queues = Mutex::new(queues.collect());
        let bits = SystemRandom.bits();
        let epoch = u64::from_be_bytes([bits[0], bits[1], bits[2], bits[3], bits[4], bits[5], bits[6], bits[7]]);
        Self { writer, readers, objects, queues, epoch, serving }
    }

    fn queue(&self, class: &str) -> Arc<Queue> {
        let mut queues = self.queues.lock();
        if let Some(queue) = queues.get(class) {
            return Arc::clone(queue);
        }
        let queue = Arc::new(Queue::new());
        queues.insert(class.to_owned(), Arc::clone(&queue));
        queue
    }

    /// Numbers, receipts and time-outs of messages are kept by the one process that serves.
    fn must_serve(&self) -> Result<(), StoreError> {
        if self.serving { Ok(()) } else { Err(Fault::ReadOnly.into()) }
    }

    /// One attempt to receive, without waiting.
    async fn take(&self, queue: &Queue, max: usize, visibility: Duration) -> Result<Vec<Received>, StoreError> {
        let _turn = queue.turn().await;
        let Some(wanted) = queue.wanted(Instant::now(), max) else { return Ok(Vec::new()) };
        let asked = wanted.clone();
        let found = self.readers.scan(move |reader| rows::read(reader, &asked)).await?;
        Ok(queue.delivered(&wanted, found, Instant::now() + visibility, self.epoch))
    }
}

#[async_trait]
impl ports::Intake for Intake {
    async fn send(&self, messages: Vec<Message>) -> Result<(), StoreError> {
        self.must_serve()?;
        let messages = body::large_ones_aside(&self.objects, messages).await?;
        let queues: Vec<_> = messages.iter().map(|message| self.queue(&message.lane.class)).collect();
        let items = messages.len();
        let work = move |session: &mut _| messages.iter().map(|message| rows::insert(session, message)).collect();
        let then = move |outcome: &Result<Vec<i64>, StoreError>| {
            if let Ok(firsts) = outcome {
                for (queue, first) in queues.iter().zip(firsts) {
                    queue.open(*first);
                    queue.sent(1);
                }
            }
        };
        self.writer.run_then(items, work, then).await.map(drop)
    }

    async fn receive(
        &self,
        class: &str,
        max: usize,
        visibility_ms: u64,
        wait_ms: u64,
    ) -> Result<Vec<Received>, StoreError> {
        self.must_serve()?;
        let queue = self.queue(class);
        let visibility = Duration::from_millis(visibility_ms);
        let end = Instant::now() + Duration::from_millis(wait_ms);
        loop {
            let arrival = queue.arrival();
            let received = self.take(&queue, max, visibility).await?;
            if !received.is_empty() || max == 0 || Instant::now() >= end {
                return Ok(received);
            }
            let until = queue.next_back().map_or(end, |back| back.min(end));
            tokio::select! {
                () = arrival => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    async fn delete(&self, class: &str, receipts: Vec<Receipt>) -> Result<(), StoreError> {
        let queue = self.queue(class);
        let runs = queue.runs(&receipts, self.epoch);
        if runs.is_empty() {
            return Ok(());
        }
        let gone = runs.clone();
        let then = move |outcome: &Result<u64, StoreError>| {
            if let Ok(deleted) = outcome {
                queue.deleted(&gone, *deleted);
            }
        };
        self.writer.run_then(receipts.len(), move |session| rows::delete(session, &runs), then).await.map(drop)
    }

    async fn depth(&self, class: &str) -> Result<Depth, StoreError> {
        if self.serving {
            return Ok(self.queue(class).depth(Instant::now()));
        }
        let class = class.to_owned();
        let visible = self.readers.scan(move |reader| depth(reader, &class)).await?;
        Ok(Depth { visible, hidden: 0 })
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").finish_non_exhaustive()
    }
}
