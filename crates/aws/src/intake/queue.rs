//! One queue: the calls upon it, each at most ten messages.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Config;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use offpeak_core::ports::{Depth, StoreError};

use crate::backoff::{Backoff, patiently};
use crate::clients::{ATTEMPT, timeouts};
use crate::failure::{self, unavailable};

/// The most messages of one call (SQS quotas, read 2026-11-20).
pub(super) const CALL_MESSAGES: usize = 10;
/// The most bytes of one call (the same).
pub(super) const CALL_BYTES: usize = 1 << 20;
/// The longest that a receive waits, seconds (the same).
const LONGEST_WAIT_S: u64 = 20;
/// The longest that a message hides, seconds (the same).
const LONGEST_HIDE_S: u64 = 43_200;

/// What SQS says of a receipt that is of no more use: its message was deleted or delivered again.
const STALE: [&str; 3] = ["ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"];

/// A queue by its address.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) client: Client,
    pub(super) url: String,
}

/// Parts of a batch's call by which to send those again that failed.
enum Fate {
    /// Not sent, and to be tried again: positions in the batch.
    Again(Vec<usize>),
    /// Nothing is left to do.
    Done,
}

impl Queue {
    /// Sends up to ten texts; those that fail are sent again, the others are not.
    pub(super) async fn send(&self, mut texts: Vec<String>) -> Result<(), StoreError> {
        if texts.len() == 1 {
            return self.send_one(texts.remove(0)).await;
        }
        let mut backoff = Backoff::default();
        loop {
            let entries = texts.iter().enumerate().map(|(n, text)| {
                let entry = SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(text);
                entry.build().map_err(|error| StoreError::Unavailable(format!("SendMessageBatch: {error}")))
            });
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let sent = patiently(|| call.clone().send()).await;
            let sent = sent.map_err(|error| unavailable("SendMessageBatch", &error))?;
            match fate("SendMessageBatch", sent.failed(), &[])? {
                Fate::Done => return Ok(()),
                Fate::Again(left) => texts = left.into_iter().filter_map(|n| texts.get(n).cloned()).collect(),
            }
            if !backoff.again().await {
                return Err(StoreError::Unavailable(
                    "SendMessageBatch: some messages are refused again and again".into(),
                ));
            }
        }
    }

    async fn send_one(&self, text: String) -> Result<(), StoreError> {
        let call = self.client.send_message().queue_url(&self.url).message_body(text);
        let sent = patiently(|| call.clone().send()).await;
        sent.map(drop).map_err(|error| unavailable("SendMessage", &error))
    }

    /// Up to ten messages, hidden for `visibility_ms`; waits up to `wait_ms` for the first. SQS counts in seconds: both
    /// are rounded up.
    pub(super) async fn receive(
        &self,
        max: usize,
        visibility_ms: u64,
        wait_ms: u64,
    ) -> Result<Vec<Message>, StoreError> {
        let seconds = wait_ms.div_ceil(1_000).min(LONGEST_WAIT_S);
        let hidden = visibility_ms.div_ceil(1_000).min(LONGEST_HIDE_S);
        let call = self.client.receive_message().queue_url(&self.url);
        let call = call.max_number_of_messages(whole(max.min(CALL_MESSAGES) as u64)).visibility_timeout(whole(hidden));
        let call = call.wait_time_seconds(whole(seconds));
        let call = call.message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let received = patiently(|| {
            // A wait is no stall.
            let patience = timeouts(ATTEMPT + Duration::from_secs(seconds));
            let call = call.clone().customize();
            if seconds == 0 { call } else { call.config_override(Config::builder().timeout_config(patience)) }.send()
        });
        let received = received.await.map_err(|error| unavailable("ReceiveMessage", &error))?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Deletes up to ten deliveries' messages. A receipt that is of no more use is no error.
    pub(super) async fn delete(&self, mut receipts: Vec<String>) -> Result<(), StoreError> {
        let mut backoff = Backoff::default();
        loop {
            let entries = receipts.iter().enumerate().map(|(n, receipt)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string()).receipt_handle(receipt);
                entry.build().map_err(|error| StoreError::Unavailable(format!("DeleteMessageBatch: {error}")))
            });
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            let call = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let gone = patiently(|| call.clone().send()).await;
            let gone = gone.map_err(|error| unavailable("DeleteMessageBatch", &error))?;
            match fate("DeleteMessageBatch", gone.failed(), &STALE)? {
                Fate::Done => return Ok(()),
                Fate::Again(left) => receipts = left.into_iter().filter_map(|n| receipts.get(n).cloned()).collect(),
            }
            if !backoff.again().await {
                return Err(StoreError::Unavailable("DeleteMessageBatch: some are refused again and again".into()));
            }
        }
    }

    /// Shows up to ten received messages again. What cannot be shown comes back by itself when its time is over.
    pub(super) async fn give_back(&self, receipts: &[String]) -> Result<(), StoreError> {
        let entries = receipts.iter().enumerate().map(|(n, receipt)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(n.to_string()).receipt_handle(receipt);
            let entry = entry.visibility_timeout(0).build();
            entry.map_err(|error| StoreError::Unavailable(format!("ChangeMessageVisibilityBatch: {error}")))
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let call = self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
        let shown = patiently(|| call.clone().send()).await;
        shown.map(drop).map_err(|error| unavailable("ChangeMessageVisibilityBatch", &error))
    }

    /// About how many messages wait.
    pub(super) async fn depth(&self) -> Result<Depth, StoreError> {
        use QueueAttributeName as Name;
        let (visible, hidden) = (Name::ApproximateNumberOfMessages, Name::ApproximateNumberOfMessagesNotVisible);
        let call = self.client.get_queue_attributes().queue_url(&self.url);
        let call = call.attribute_names(visible.clone()).attribute_names(hidden.clone());
        let got = patiently(|| call.clone().send()).await;
        let got = got.map_err(|error| unavailable("GetQueueAttributes", &error))?;
        let count = |name| {
            let text = got.attributes().and_then(|attributes| attributes.get(&name));
            let number = text.and_then(|text| text.parse().ok());
            number.ok_or_else(|| StoreError::Unavailable(format!("GetQueueAttributes: no number as {name}")))
        };
        Ok(Depth { visible: count(visible)?, hidden: count(hidden)? })
    }
}

/// What is to be done about a batch's failures. SQS blames the sender where a repeat would fail in the same way.
fn fate(operation: &str, failed: &[BatchResultErrorEntry], harmless: &[&str]) -> Result<Fate, StoreError> {
    let mut again = Vec::new();
    for entry in failed {
        let code = entry.code().rsplit('.').next().unwrap_or_default();
        if harmless.contains(&code) {
            continue;
        }
        if entry.sender_fault() && !failure::is_throttle_code(code) {
            return Err(StoreError::Unavailable(format!("{operation}: {code}")));
        }
        let position = entry.id().parse();
        again.push(position.map_err(|_| StoreError::Unavailable(format!("{operation}: an answer to nothing")))?);
    }
    Ok(if again.is_empty() { Fate::Done } else { Fate::Again(again) })
}

fn whole(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
