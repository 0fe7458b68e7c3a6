//! Those who want to be told: each tenant's receiver of every batch's end, and one that some batches name themselves.
//!
//! They note what they hear, and whether it was so at that moment.

use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::batch::StateKind;
use offpeak_core::ids::{CredentialId, NativeBatchId, ReceiverId, TenantId};
use offpeak_core::notice::{self, EventType, Receiver, SigningSecret, Webhook};
use offpeak_core::ports::{Deliver, Delivered, Delivery, NotAdmitted, Receivers as _};
use parking_lot::Mutex;
use serde_json::Value;

use crate::crash::weather::Weather;
use crate::fakes::Fakes;

/// What signs.
pub(super) const SECRET: &str = "caller:webhooks";

/// Whose batches name a receiver themselves.
const NAMING: &str = "two";

/// What a receiver heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) url: String,
    pub(super) event_id: String,
    pub(super) event: EventType,
    pub(super) batch: NativeBatchId,
    /// How the batch stood then.
    pub(super) stood: Option<StateKind>,
    /// Whether the receiver took it.
    pub(super) taken: bool,
}

/// All receivers.
#[derive(Debug, Clone)]
pub(super) struct Receivers {
    fakes: Fakes,
    weather: Weather,
    pub(super) told: Arc<Mutex<Vec<Told>>>,
}

impl Receivers {
    /// Registers them.
    pub(super) async fn register(fakes: &Fakes, weather: &Weather) -> Self {
        for tenant in ["one", NAMING] {
            let all = vec![receiver(tenant, EventType::ALL.to_vec()), receiver(&named(tenant), Vec::new())];
            let row = notice::Receivers { all, ..notice::Receivers::none(TenantId::from(tenant)) };
            // Fakes do not fail.
            let _ = fakes.receivers.replace(&row).await;
        }
        Self { fakes: fakes.clone(), weather: weather.clone(), told: Arc::default() }
    }
}

/// Whom a tenant's batches name.
pub(super) fn webhook(tenant: &str) -> Option<Webhook> {
    let name = named(tenant);
    (tenant == NAMING).then(|| Webhook { receiver: id(&name), url: Some(format!("{}/run", url(&name))) })
}

/// Where the ends of a tenant's batches are told.
pub(super) fn urls(tenant: &str) -> Vec<String> {
    let named = webhook(tenant).and_then(|webhook| webhook.url);
    std::iter::once(url(tenant)).chain(named).collect()
}

fn named(tenant: &str) -> String {
    format!("{tenant}-named")
}

fn url(name: &str) -> String {
    format!("https://{name}.example")
}

fn id(name: &str) -> ReceiverId {
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    ReceiverId(id)
}

fn receiver(name: &str, events: Vec<EventType>) -> Receiver {
    Receiver {
        id: id(name),
        name: name.to_owned(),
        url: url(name),
        events,
        secrets: vec![SigningSecret { sealed: CredentialId::from(SECRET), until_ms: None }],
        hint: String::new(),
        created_ms: 0,
        updated_ms: 0,
        disabled_ms: None,
    }
}

#[async_trait]
impl Deliver for Receivers {
    async fn admit(&self, _: &str) -> Result<(), NotAdmitted> {
        Ok(())
    }

    async fn deliver(&self, delivery: &Delivery, _: u64) -> Delivered {
        let body: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (Ok(event), Ok(batch)) = (text(&body["type"]).parse(), text(&body["data"]["id"]).parse()) else {
            return Delivered::Answered { status: 400 };
        };
        let stood = self.fakes.batches.row(batch).map(|row| row.state.kind());
        let taken = !self.weather.strikes(self.weather.hazards.failed);
        let (url, event_id) = (delivery.url.clone(), delivery.id.clone());
        self.told.lock().push(Told { url, event_id, event, batch, stood, taken });
        Delivered::Answered { status: if taken { 204 } else { 503 } }
    }
}
