//! What is sent: OpenAI's event, signed by the receiver's secrets.

use serde::Serialize;

use crate::hex;
use crate::notice::{EventType, Notice, Receiver};
use crate::ports::{Delivery, Ports, StoreError};

/// A payload for a receiver, with the secrets that sign now.
pub(super) async fn delivery(
    ports: &Ports,
    receiver: &Receiver,
    url: &str,
    payload: &Payload<'_>,
) -> Result<Delivery, StoreError> {
    let mut secrets = Vec::new();
    for secret in receiver.signing(ports.clock.now_ms()) {
        secrets.push(ports.credentials.open(&secret.sealed).await?);
    }
    let body = serde_json::to_vec(payload).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(Delivery { url: url.to_owned(), id: payload.id.clone(), body: body.into(), secrets })
}

/// OpenAI's event: thin, the object's id and no more (Webhooks guide, read 2026-11-20).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payload<'a> {
    /// `evt_…`, the same at every attempt and for every receiver.
    pub id: String,
    object: &'static str,
    created_at: u64,
    #[serde(rename = "type")]
    event: &'a str,
    data: Data,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Data {
    id: String,
}

impl Payload<'_> {
    /// The event of a notice.
    pub fn of(notice: &Notice) -> Self {
        let id = notice.event_id().text();
        Self::new(id, notice.event, notice.subject.object_id(notice.event), notice.created_ms)
    }

    /// An event that nobody is owed, to try a receiver with.
    pub fn sample(ports: &Ports, event: EventType) -> Self {
        let bits = hex::encode(&ports.random.bits());
        Self::new(format!("evt_{bits}"), event, format!("{}test", event.object_prefix()), ports.clock.now_ms())
    }

    fn new(id: String, event: EventType, object: String, created_ms: u64) -> Self {
        Self { id, object: "event", created_at: created_ms / 1_000, event: event.name(), data: Data { id: object } }
    }
}
