//! Messages that nobody can read.

use aws_sdk_sqs::types::Message;
use bytes::Bytes;
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::StoreError;
use sha2::{Digest, Sha256};

use super::body;
use super::queue::Queue;
use crate::objects::Objects;
use offpeak_core::hex;

/// Keeps the text under `poison/`, by its hash, and deletes the message. What cannot be kept stays in the queue and is
/// met again.
pub(super) async fn take_out(queue: &Queue, objects: &Objects, message: Message) {
    let id = message.message_id.unwrap_or_default();
    let text = message.body.unwrap_or_default();
    let name = ObjectName(format!("poison/{}", hex::encode(&Sha256::digest(&text)[..16])));
    let (bytes, object) = (text.len(), name.to_string());
    let moved = moved(queue, objects, name, text, message.receipt_handle).await;
    let outcome = moved.map_or_else(|error| format!("stays in its queue: {error}"), |()| "kept aside".to_owned());
    tracing::error!(message = id, bytes, object, outcome, "a message that is not one of Offpeak's");
}

async fn moved(
    queue: &Queue,
    objects: &Objects,
    name: ObjectName,
    text: String,
    receipt: Option<String>,
) -> Result<(), StoreError> {
    body::put(objects, name, Bytes::from(text)).await?;
    match receipt {
        Some(receipt) => queue.delete(vec![receipt]).await,
        None => Ok(()),
    }
}
