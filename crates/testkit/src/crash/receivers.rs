//! Those who want to be told: each tenant's receiver of every end, and one that some requests name themselves.
//!
//! They note what they hear, and what was so at that moment. Both worlds have them.

use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::{CredentialId, JobId, NativeBatchId, ReceiverId, TenantId};
use offpeak_core::job::{Job, State};
use offpeak_core::notice::{self, EventType, Receiver, SigningSecret, Webhook};
use offpeak_core::ports::{Deliver, Delivered, Delivery, NotAdmitted, Receivers as _};
use parking_lot::Mutex;
use serde_json::Value;

use super::trace::Trace;
use super::weather::Weather;
use crate::fakes::Fakes;

/// What signs.
const SECRET: &str = "caller:webhooks";

/// Tenants with a receiver of every event.
const TELLING: [&str; 2] = ["one", NAMING];

/// Whose requests may name a receiver themselves.
pub(crate) const NAMING: &str = "two";

/// What a receiver heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) url: String,
    pub(crate) event_id: String,
    pub(crate) event: EventType,
    /// What ended, by the id that the receiver was given.
    pub(crate) object: String,
    /// What could be told of it then.
    pub(crate) so: Vec<EventType>,
    /// Whether the receiver took it.
    pub(crate) taken: bool,
}

/// Whom a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// As its header says it.
    pub(crate) text: String,
    /// Where it is told.
    pub(crate) url: String,
}

/// All receivers.
#[derive(Debug, Clone)]
pub(crate) struct Receivers {
    fakes: Fakes,
    weather: Weather,
    trace: Trace,
    pub(crate) told: Arc<Mutex<Vec<Told>>>,
}

impl Receivers {
    /// Registers them.
    pub(crate) async fn register(fakes: &Fakes, weather: &Weather, trace: &Trace) -> Self {
        for tenant in TELLING {
            let all = vec![receiver(tenant, EventType::ALL.to_vec()), receiver(&silent(tenant), Vec::new())];
            let row = notice::Receivers { all, ..notice::Receivers::none(TenantId::from(tenant)) };
            // Fakes do not fail.
            let _ = fakes.receivers.replace(&row).await;
        }
        Self { fakes: fakes.clone(), weather: weather.clone(), trace: trace.clone(), told: Arc::default() }
    }

    /// What can be told now of what has that id.
    fn so(&self, object: &str) -> Vec<EventType> {
        if let Ok(id) = object.parse::<NativeBatchId>() {
            let row = self.fakes.batches.row(id);
            return row.and_then(|row| EventType::of_batch(row.state.kind())).into_iter().collect();
        }
        let Ok(id) = object.strip_prefix("resp_").unwrap_or(object).parse::<JobId>() else { return Vec::new() };
        self.fakes.jobs.row(id).map(|row| ends(&self.fakes, &row)).unwrap_or_default()
    }
}

/// Stores whose receivers can be signed for.
pub(crate) fn signing(fakes: Fakes) -> Fakes {
    let credentials = fakes.credentials.with(&CredentialId::from(SECRET), "whsec_c2VjcmV0");
    Fakes { credentials, ..fakes }
}

/// What can be told of a job: nothing while it is open.
pub(crate) fn ends(fakes: &Fakes, job: &Job) -> Vec<EventType> {
    let body = match &job.state {
        State::Done(answer) => fakes.objects.bytes(&answer.object).and_then(|object| {
            let start = usize::try_from(answer.offset).ok()?;
            Some(object.slice(start..start + usize::try_from(answer.length).ok()?))
        }),
        State::Queued | State::Packed { .. } | State::Failed(_) | State::Cancelled | State::Expired => None,
    };
    EventType::of_job(job.lane.endpoint, &job.state, body.as_deref())
}

/// The ways to name a receiver of [`NAMING`]: a URL at its origin, its id, and that of the one that is told of everything.
pub(crate) fn namings() -> [Named; 3] {
    let by_id = |name: &str| Named { text: id(name).text(), url: url(name) };
    let run = format!("{}/run", url(&silent(NAMING)));
    [Named { text: run.clone(), url: run }, by_id(&silent(NAMING)), by_id(NAMING)]
}

/// Whom a tenant's batches name.
pub(crate) fn webhook(tenant: &str) -> Option<Webhook> {
    let [named, ..] = namings();
    (tenant == NAMING).then(|| Webhook { receiver: id(&silent(NAMING)), url: Some(named.url) })
}

/// Where every end of a tenant's is told.
pub(crate) fn subscribed(tenant: &str) -> Option<String> {
    TELLING.contains(&tenant).then(|| url(tenant))
}

/// The receiver that is told only what names it.
fn silent(tenant: &str) -> String {
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
        let Ok(event) = text(&body["type"]).parse() else { return Delivered::Answered { status: 400 } };
        let object = text(&body["data"]["id"]);
        let so = self.so(&object);
        let taken = !self.weather.strikes(self.weather.hazards.failed);
        let (url, event_id) = (delivery.url.clone(), delivery.id.clone());
        let told = Told { url, event_id, event, object, so, taken };
        self.trace.say("receivers", || format!("{told:?}"));
        self.told.lock().push(told);
        Delivered::Answered { status: if taken { 204 } else { 503 } }
    }
}
