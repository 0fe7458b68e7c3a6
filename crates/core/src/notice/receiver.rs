//! Who is told: a tenant's webhook endpoints, in one row, since they are few and read together whenever something ends.

use serde::{Deserialize, Deserializer, Serialize};

use super::EventType;
use crate::ids::{CredentialId, ReceiverId, TenantId, derive};

/// Receivers of one tenant at most: all are in one row, and each may be owed every event.
pub const MAX_RECEIVERS: usize = 16;

/// The receivers of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receivers {
    /// Whose they are.
    pub tenant: TenantId,
    /// Raised by every write; the first stored version is 1.
    pub version: u64,
    /// In the order of their creation.
    pub all: Vec<Receiver>,
    /// Jobs name receivers themselves, and the last of them has ended by then, Unix milliseconds: until then whoever ends a
    /// job of this tenant reads its row. 0 if no job ever did.
    #[serde(default)]
    pub asked_until_ms: u64,
}

/// Where a tenant wants to be told: OpenAI's webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// Names it.
    pub id: ReceiverId,
    /// For people.
    pub name: String,
    /// Called with POST.
    pub url: String,
    /// What it is told of without being asked. What a newer version may have added is passed over.
    #[serde(deserialize_with = "known")]
    pub events: Vec<EventType>,
    /// What signs, newest first.
    pub secrets: Vec<SigningSecret>,
    /// The end of the newest secret, for people to tell secrets apart.
    pub hint: String,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// Unix milliseconds of the last change.
    pub updated_ms: u64,
    /// Unix milliseconds, once it has answered that it is gone (410): nothing is sent to it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_ms: Option<u64>,
}

/// A secret that signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecret {
    /// Under which name it is sealed.
    pub sealed: CredentialId,
    /// Until when it signs, Unix milliseconds; for ever if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

/// A receiver as a request, or a notice, names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Webhook {
    /// Whose secret signs.
    pub receiver: ReceiverId,
    /// What is called instead of the receiver's own URL; at the same origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EventType>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

impl Receivers {
    /// None yet.
    pub const fn none(tenant: TenantId) -> Self {
        Self { tenant, version: 0, all: Vec::new(), asked_until_ms: 0 }
    }

    /// The key of a tenant's row.
    pub fn key(tenant: &TenantId) -> [u8; 16] {
        derive(&["receivers", tenant.as_str()])
    }

    /// The receiver of that id.
    pub fn find(&self, id: ReceiverId) -> Option<&Receiver> {
        self.all.iter().find(|receiver| receiver.id == id)
    }

    /// The same, to be changed.
    pub fn find_mut(&mut self, id: ReceiverId) -> Option<&mut Receiver> {
        self.all.iter_mut().find(|receiver| receiver.id == id)
    }

    /// Those that are told of an event without being asked.
    pub fn subscribed(&self, event: EventType) -> impl Iterator<Item = &Receiver> {
        self.all.iter().filter(move |receiver| receiver.disabled_ms.is_none() && receiver.events.contains(&event))
    }
}

impl Receiver {
    /// The secrets that sign at that time, newest first.
    pub fn signing(&self, now_ms: u64) -> impl Iterator<Item = &SigningSecret> {
        self.secrets.iter().filter(move |secret| secret.until_ms.is_none_or(|until_ms| now_ms < until_ms))
    }
}
