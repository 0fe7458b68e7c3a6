//! Receiving more than one call brings.
//!
//! ```text
//! one long-polled call of ten ── full? ──► 4 calls at once ── half full? ──► 16 ──► 64 ──► 64 …
//! ```
//!
//! It ends with `max` messages, with a wave that comes back less than half full, or with as many bytes of bodies as may
//! be held.

use aws_sdk_sqs::types::{Message as Raw, MessageSystemAttributeName};
use futures_util::{StreamExt, stream};
use offpeak_core::ids::ObjectName;
use offpeak_core::job::BodyAt;
use offpeak_core::ports::{MessageBody, Receipt, Received, StoreError};

use super::poison;
use super::queue::{CALL_MESSAGES, Queue};
use super::text::{self, Read};
use crate::objects::Objects;

/// Calls of the first wave.
const FIRST_WAVE: usize = 4;
/// Calls of the widest wave.
const WIDEST_WAVE: usize = 64;
/// Bytes of bodies that one receive holds, about.
const HELD_BYTES: usize = 32 << 20;

/// One receive.
pub(super) struct Drain<'a> {
    queue: &'a Queue,
    objects: &'a Objects,
    max: usize,
    visibility_ms: u64,
    held: Vec<Received>,
    held_bytes: usize,
    /// The most bytes that one message brought so far: what the next may bring.
    largest: usize,
}

impl<'a> Drain<'a> {
    pub(super) fn new(queue: &'a Queue, objects: &'a Objects, max: usize, visibility_ms: u64) -> Self {
        Self { queue, objects, max, visibility_ms, held: Vec::new(), held_bytes: 0, largest: 1 }
    }

    /// Receives; only the first call waits. Once something is held, a failure ends it without being one.
    pub(super) async fn run(mut self, wait_ms: u64) -> Result<Vec<Received>, StoreError> {
        if self.max == 0 {
            return Ok(self.held);
        }
        let first = self.queue.receive(self.max, self.visibility_ms, wait_ms).await?;
        let mut is_rich = first.len() == CALL_MESSAGES;
        self.take(first).await;
        let mut width = FIRST_WAVE;
        while is_rich && self.calls(width) > 0 {
            is_rich = self.wave(self.calls(width)).await;
            width = WIDEST_WAVE.min(width * 4);
        }
        Ok(self.held)
    }

    /// How many calls there is room for, at most `width`.
    fn calls(&self, width: usize) -> usize {
        let messages = self.max.saturating_sub(self.held.len()).div_ceil(CALL_MESSAGES);
        let bytes = HELD_BYTES.saturating_sub(self.held_bytes).div_ceil(self.largest.saturating_mul(CALL_MESSAGES));
        width.min(messages).min(bytes)
    }

    /// Receives by so many calls at once; says whether it is worth another wave.
    async fn wave(&mut self, calls: usize) -> bool {
        let (queue, visibility_ms) = (self.queue, self.visibility_ms);
        let mut left = self.max - self.held.len();
        let sizes: Vec<usize> = (0..calls)
            .map(|_| {
                let size = left.min(CALL_MESSAGES);
                left -= size;
                size
            })
            .collect();
        let asked: usize = sizes.iter().sum();
        let mut came = 0;
        let receives = sizes.into_iter().map(|size| queue.receive(size, visibility_ms, 0));
        let mut receives = stream::iter(receives.collect::<Vec<_>>()).buffer_unordered(calls);
        let mut is_well = true;
        while let Some(received) = receives.next().await {
            match received {
                Ok(messages) => {
                    came += messages.len();
                    self.take(messages).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "a receive among others failed; what came is kept");
                    is_well = false;
                }
            }
        }
        is_well && came * 2 >= asked
    }

    async fn take(&mut self, messages: Vec<Raw>) {
        for raw in messages {
            let bytes = raw.body().unwrap_or_default();
            let (read, receipt) = (text::read(bytes), raw.receipt_handle().unwrap_or_default().to_owned());
            let message = match read {
                Read::Whole(message) => message,
                Read::Bodiless(mut message) => {
                    tracing::error!(job = %message.job, "the body of a message cannot be read");
                    message.body = MessageBody::At(nowhere());
                    message
                }
                Read::Nothing => {
                    poison::take_out(self.queue, self.objects, raw).await;
                    continue;
                }
            };
            let size = match &message.body {
                MessageBody::Inline(body) => body.len(),
                MessageBody::At(_) => 0,
            };
            self.held_bytes += size;
            self.largest = self.largest.max(size);
            self.held.push(Received { receipt: Receipt(receipt), receives: receives(&raw), message });
        }
    }
}

/// A place that reads as not found: the packer makes such a body an error result.
fn nowhere() -> BodyAt {
    BodyAt { object: ObjectName::from("bodies/unreadable"), offset: 0, length: 1 }
}

fn receives(raw: &Raw) -> u32 {
    let attribute = raw.attributes().and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount));
    attribute.and_then(|count| count.parse().ok()).unwrap_or(1)
}
