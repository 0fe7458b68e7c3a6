//! Bodies too long for a message go to the object store, and the message says where.

use bytes::Bytes;
use offpeak_core::ids::ObjectName;
use offpeak_core::job::BodyAt;
use offpeak_core::ports::{self, Message, MessageBody, Random, StoreError};

use super::text;
use crate::objects::Objects;
use crate::random::SystemRandom;
use offpeak_core::hex;

/// The text of a message whose body has been put under `bodies/`. The bucket's lifecycle removes it there, some time
/// after the latest deadline.
pub(super) async fn aside(objects: &Objects, mut message: Message) -> Result<String, StoreError> {
    if let MessageBody::Inline(bytes) = &message.body {
        let name = format!("bodies/{}-{}", message.job, hex::encode(&SystemRandom.bits()[..8]));
        message.body = MessageBody::At(put(objects, ObjectName(name), bytes.clone()).await?);
    }
    text::write(&message).ok_or_else(|| StoreError::Unavailable("a message cannot be written as text".to_owned()))
}

/// Writes an object.
pub(super) async fn put(objects: &Objects, object: ObjectName, bytes: Bytes) -> Result<BodyAt, StoreError> {
    let mut writer = ports::Objects::create(objects, &object).await?;
    writer.write(bytes).await?;
    let length = writer.finish().await?;
    Ok(BodyAt { object, offset: 0, length })
}
