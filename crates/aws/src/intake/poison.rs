//! Messages that nobody can read.

use aws_sdk_sqs::types::Message;
use bytes::Bytes;
use offpeak_core::ids::ObjectName;
use sha2::{Digest, Sha256};

use super::body;
use super::queue::Queue;
use crate::hex;
use crate::objects::Objects;

/// Keeps the text under `poison/`, by its hash, and deletes the message. What cannot be kept stays in the queue and is
/// met again.
pub(super) async fn take_out(queue: &Queue, objects: &Objects, message: Message) {
    let id = message.message_id.unwrap_or_default();
    let text = message.body.unwrap_or_default();
    let name = ObjectName(format!("poison/{}", hex::encode(&Sha256::digest(&text)[..16])));
    tracing::error!(message = id, bytes = text.len(), object = %name, "a message that is not one of Offpeak's");
    if let Err(error) = body::put(objects, name, Bytes::from(text)).await {
        tracing::error!(message = id, %error, "it could not be kept, and stays in its queue");
        return;
    }
    if let Some(receipt) = message.receipt_handle
        && let Err(error) = queue.delete(vec![receipt]).await
    {
        tracing::warn!(message = id, %error, "it is kept, but comes again");
    }
}
