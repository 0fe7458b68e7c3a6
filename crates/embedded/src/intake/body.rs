//! Bodies too large for a row go to the object store, and the message says where.

use std::sync::Arc;

use bytes::Bytes;
use offpeak_core::ids::ObjectName;
use offpeak_core::job::BodyAt;
use offpeak_core::ports::{self, Message, MessageBody, ObjectWriter, Random, StoreError};

use crate::objects::Objects;
use crate::random::SystemRandom;
use offpeak_core::hex;

/// The largest body that is kept in a row.
const INLINE_BYTES: usize = 4 << 20;

/// The messages, with every large body written aside under `bodies/`. What is left there after its message was deleted
/// is for the retention sweep.
pub(super) async fn large_ones_aside(
    objects: &Arc<Objects>,
    mut messages: Vec<Message>,
) -> Result<Vec<Message>, StoreError> {
    for message in &mut messages {
        if let MessageBody::Inline(bytes) = &message.body
            && bytes.len() > INLINE_BYTES
        {
            let name = format!("bodies/{}-{}", message.job, hex::encode(&SystemRandom.bits()[..8]));
            message.body = MessageBody::At(aside(objects, ObjectName(name), bytes.clone()).await?);
        }
    }
    Ok(messages)
}

async fn aside(objects: &Arc<Objects>, object: ObjectName, bytes: Bytes) -> Result<BodyAt, StoreError> {
    let mut writer: Box<dyn ObjectWriter> = ports::Objects::create(&**objects, &object).await?;
    writer.write(bytes).await?;
    let length = writer.finish().await?;
    Ok(BodyAt { object, offset: 0, length })
}
