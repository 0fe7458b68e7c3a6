//! Webhook endpoints as the official SDK reads them (openai-python 3.52.0, read 2026-11-28).

use offpeak_core::notice::{EventType, Receiver};
use serde::Serialize;

use crate::paging::Listed;

/// OpenAI's `WebhookEndpoint`; with its secret where it was made just now.
#[derive(Serialize)]
pub(crate) struct EndpointView {
    id: String,
    object: &'static str,
    created_at: u64,
    updated_at: u64,
    name: String,
    url: String,
    event_types: Vec<&'static str>,
    signing_secret_hint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<String>,
    /// Ours: when it answered 410, since when it is sent nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<u64>,
}

impl From<Receiver> for EndpointView {
    fn from(receiver: Receiver) -> Self {
        Self {
            id: receiver.id.text(),
            object: "webhook_endpoint",
            created_at: receiver.created_ms / 1_000,
            updated_at: receiver.updated_ms / 1_000,
            name: receiver.name,
            url: receiver.url,
            event_types: receiver.events.into_iter().map(EventType::name).collect(),
            signing_secret_hint: receiver.hint,
            signing_secret: None,
            disabled_at: receiver.disabled_ms.map(|disabled_ms| disabled_ms / 1_000),
        }
    }
}

impl EndpointView {
    pub(super) fn with_secret(receiver: Receiver, secret: String) -> Self {
        Self { signing_secret: Some(secret), ..receiver.into() }
    }
}

impl Listed for EndpointView {
    fn id(&self) -> &str {
        &self.id
    }
}

/// OpenAI's `DeletedWebhookEndpoint`.
#[derive(Serialize)]
pub(crate) struct Gone {
    id: String,
    object: &'static str,
    deleted: bool,
}

impl Gone {
    pub(super) const fn new(id: String) -> Self {
        Self { id, object: "webhook_endpoint.deleted", deleted: true }
    }
}

/// OpenAI's `WebhookEndpointTestResult`.
#[derive(Serialize)]
pub(crate) struct Tested {
    object: &'static str,
    webhook_endpoint_id: String,
    event_type: &'static str,
    status_code: u16,
    /// Always, whatever the endpoint answered: `status_code` tells.
    success: bool,
}

impl Tested {
    pub(super) const fn new(id: String, event: EventType, status: u16) -> Self {
        Self {
            object: "webhook_endpoint.test",
            webhook_endpoint_id: id,
            event_type: event.name(),
            status_code: status,
            success: true,
        }
    }
}

/// OpenAI's `WebhookEventTypeList`.
#[derive(Serialize)]
pub(crate) struct EventTypes {
    object: &'static str,
    data: Vec<&'static str>,
}

impl EventTypes {
    pub(super) fn all() -> Self {
        Self { object: "list", data: EventType::ALL.iter().map(|event| event.name()).collect() }
    }
}
