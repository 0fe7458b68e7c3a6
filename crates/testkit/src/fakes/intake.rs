//! The intake queues, in memory: they hide, redeliver and count as SQS does.
//!
//! A receipt names one delivery and deletes only while that delivery is the latest.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::faults::{Fault, planted};
use offpeak_core::ports::{self, Clock, Depth, Message, Receipt, Received, StoreError};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Deliveries after which a queue with the fault `PoisonDropped` forgets a message.
const POISON: u32 = 3;

/// The intake queues. Clones share them.
#[derive(Clone)]
pub struct Intake {
    clock: Arc<dyn Clock>,
    queues: Arc<Mutex<BTreeMap<String, Queue>>>,
    arrived: Arc<Notify>,
}

#[derive(Default)]
struct Queue {
    last: u64,
    stored: BTreeMap<u64, Stored>,
}

struct Stored {
    message: Message,
    visible_ms: u64,
    receives: u32,
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").finish_non_exhaustive()
    }
}

impl Intake {
    /// Empty queues that hide messages by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, queues: Arc::default(), arrived: Arc::default() }
    }

    /// Every message of a class, hidden ones included, oldest first.
    pub fn snapshot(&self, class: &str) -> Vec<Message> {
        let queues = self.queues.lock();
        queues.get(class).into_iter().flat_map(|queue| queue.stored.values()).map(|one| one.message.clone()).collect()
    }

    /// Makes every hidden message visible at once, as a queue that delivers twice does.
    pub fn redeliver(&self) {
        for stored in self.queues.lock().values_mut().flat_map(|queue| queue.stored.values_mut()) {
            stored.visible_ms = 0;
        }
        self.arrived.notify_waiters();
    }

    /// What can be received now, or when the next hidden message shows again.
    fn take(&self, class: &str, max: usize, visibility_ms: u64) -> Result<Vec<Received>, u64> {
        let now_ms = self.clock.now_ms();
        let mut queues = self.queues.lock();
        let queue = queues.entry(class.to_owned()).or_default();
        let taken = queue.take(now_ms, max, visibility_ms);
        if taken.is_empty() {
            return Err(queue.stored.values().map(|stored| stored.visible_ms).min().unwrap_or(u64::MAX));
        }
        Ok(taken)
    }
}

impl Queue {
    fn take(&mut self, now_ms: u64, max: usize, visibility_ms: u64) -> Vec<Received> {
        let mut order: Vec<(u64, u64)> = self
            .stored
            .iter()
            .filter(|(_, stored)| stored.visible_ms <= now_ms)
            .map(|(number, stored)| (stored.visible_ms, *number))
            .collect();
        order.sort_unstable();
        let mut taken = Vec::new();
        for (_, number) in order.into_iter().take(max) {
            let Some(stored) = self.stored.get_mut(&number) else { continue };
            stored.receives += 1;
            stored.visible_ms = now_ms.saturating_add(visibility_ms);
            if stored.receives > POISON && planted(Fault::PoisonDropped) {
                self.stored.remove(&number);
                continue;
            }
            let receipt = Receipt(format!("{number}-{}", stored.receives));
            taken.push(Received { receipt, receives: stored.receives, message: stored.message.clone() });
        }
        taken
    }

    fn delete(&mut self, receipt: &Receipt) {
        let Some((number, delivery)) = receipt.0.split_once('-') else { return };
        let (Ok(number), Ok(delivery)) = (number.parse::<u64>(), delivery.parse::<u32>()) else { return };
        if self.stored.get(&number).is_some_and(|stored| stored.receives == delivery) {
            self.stored.remove(&number);
        }
    }
}

#[async_trait]
impl ports::Intake for Intake {
    async fn send(&self, messages: Vec<Message>) -> Result<(), StoreError> {
        let now_ms = self.clock.now_ms();
        let mut queues = self.queues.lock();
        for message in messages {
            let queue = queues.entry(message.lane.class.clone()).or_default();
            queue.last += 1;
            queue.stored.insert(queue.last, Stored { message, visible_ms: now_ms, receives: 0 });
        }
        drop(queues);
        self.arrived.notify_waiters();
        Ok(())
    }

    async fn receive(
        &self,
        class: &str,
        max: usize,
        visibility_ms: u64,
        wait_ms: u64,
    ) -> Result<Vec<Received>, StoreError> {
        let until_ms = self.clock.now_ms().saturating_add(wait_ms);
        loop {
            let arrived = self.arrived.notified();
            let next_ms = match self.take(class, max, visibility_ms) {
                Ok(taken) => return Ok(taken),
                Err(next_ms) => next_ms,
            };
            let now_ms = self.clock.now_ms();
            if now_ms >= until_ms || max == 0 {
                return Ok(Vec::new());
            }
            let pause_ms = next_ms.min(until_ms).saturating_sub(now_ms).max(1);
            tokio::select! {
                biased;
                () = arrived => {}
                () = self.clock.sleep_ms(pause_ms) => {}
            }
        }
    }

    async fn delete(&self, class: &str, receipts: Vec<Receipt>) -> Result<(), StoreError> {
        if let Some(queue) = self.queues.lock().get_mut(class) {
            for receipt in &receipts {
                queue.delete(receipt);
            }
        }
        Ok(())
    }

    async fn depth(&self, class: &str) -> Result<Depth, StoreError> {
        let now_ms = self.clock.now_ms();
        let queues = self.queues.lock();
        let mut depth = Depth::default();
        for stored in queues.get(class).into_iter().flat_map(|queue| queue.stored.values()) {
            if stored.visible_ms <= now_ms {
                depth.visible += 1;
            } else {
                depth.hidden += 1;
            }
        }
        Ok(depth)
    }
}
