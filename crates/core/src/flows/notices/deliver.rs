//! Deliver: what is owed is sent, once it holds, until its receiver has it.
//!
//! An attempt is claimed by compare-and-set before it is made, so that two notifiers at once do not both make it. Who dies
//! after it leaves a notice that is sent again: at least once, with the same id.

use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::receivers;
use crate::faults::{Fault, planted};
use crate::hex;
use crate::ids::{NoticeId, TenantId};
use crate::notice::{self, EventType, LEASE_MS, Notice, Outcome, Receiver, State, Subject, Target, Webhook, wait_ms};
use crate::ports::{Deliver, Delivered, Delivery, Events, Ports, StoreError};

/// Notices looked up at once.
const PAGE: usize = 256;

/// Sent at once: receivers are slow, and each holds no more than its message.
const SENDING: usize = 64;

/// The ways out.
#[derive(Clone)]
pub struct Delivering {
    /// To tenants' receivers, where they are told.
    pub webhooks: Option<Arc<dyn Deliver>>,
    /// To the operator's event bus, where there is one.
    pub bus: Option<Arc<dyn Events>>,
}

impl fmt::Debug for Delivering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivering").finish_non_exhaustive()
    }
}

/// What came of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Notices that their receivers have.
    pub delivered: usize,
    /// Notices that will be looked at again.
    pub owed: usize,
    /// Notices that are given up.
    pub dead: usize,
    /// Notices of what did not happen.
    pub void: usize,
    /// Notices that could not be looked at; each is logged.
    pub failed: usize,
}

/// Sends what is owed and due, beginning nothing at or after `stop_ms` (Unix milliseconds). What fails stops no other.
///
/// # Errors
/// [`StoreError`]: what is due could not be listed.
pub async fn deliver_all(ports: &Ports, ways: &Delivering, stop_ms: u64) -> Result<Sent, StoreError> {
    let mut sent = Sent::default();
    loop {
        let now_ms = ports.clock.now_ms();
        if now_ms >= stop_ms {
            return Ok(sent);
        }
        let due = ports.notices.due(now_ms, PAGE).await?;
        let last = due.len() < PAGE;
        let ends = stream::iter(due).map(|id| deliver_one(ports, ways, id, stop_ms)).buffer_unordered(SENDING);
        let before = sent;
        sent = ends.fold(sent, |sent, end| async move { sent.plus(end) }).await;
        // Those that cannot be looked at stay due: they must not be asked for over and over.
        if last || sent.progress() == before.progress() {
            return Ok(sent);
        }
    }
}

impl Sent {
    fn plus(mut self, end: Option<State>) -> Self {
        match end {
            Some(State::Delivered { .. }) => self.delivered += 1,
            Some(State::Owed) => self.owed += 1,
            Some(State::Dead { .. }) => self.dead += 1,
            Some(State::Void { .. }) => self.void += 1,
            None => self.failed += 1,
        }
        self
    }

    const fn progress(&self) -> usize {
        self.delivered + self.owed + self.dead + self.void
    }
}

/// The notice's state afterwards; nothing if it could not be looked at.
async fn deliver_one(ports: &Ports, ways: &Delivering, id: NoticeId, stop_ms: u64) -> Option<State> {
    if ports.clock.now_ms() >= stop_ms {
        return Some(State::Owed);
    }
    match Box::pin(deliver(ports, ways, id)).await {
        Ok(state) => Some(state),
        Err(error) => {
            tracing::error!(%error, notice = %id, "a notice could not be delivered");
            None
        }
    }
}

async fn deliver(ports: &Ports, ways: &Delivering, id: NoticeId) -> Result<State, StoreError> {
    let now_ms = ports.clock.now_ms();
    // The list may lag: by now another may have claimed it.
    let due = |notice: &Notice| notice.state == State::Owed && notice.due_ms <= now_ms;
    let Some(notice) = ports.notices.get(id).await?.filter(due) else { return Ok(State::Owed) };
    match truth(ports, &notice).await? {
        Truth::Yet => {
            let due_ms = now_ms.saturating_add(wait_ms(&notice, now_ms));
            ports.notices.replace(&Notice { due_ms, ..notice }).await?;
            return Ok(State::Owed);
        }
        Truth::Never => {
            let void = Notice { state: State::Void { at_ms: now_ms }, ..notice };
            ports.notices.replace(&void).await?;
            return Ok(void.state);
        }
        Truth::Holds => {}
    }
    let claimed = Notice { attempts: notice.attempts + 1, due_ms: now_ms.saturating_add(LEASE_MS), ..notice };
    if !ports.notices.replace(&claimed).await? {
        return Ok(State::Owed);
    }
    let claimed = Notice { version: claimed.version + 1, ..claimed };
    let outcome = match &claimed.to {
        Target::Webhook(webhook) => send(ports, ways, &claimed, webhook).await?,
        Target::Bus => publish(ways, &claimed).await,
    };
    let after = notice::after(&claimed, outcome, ports.clock.now_ms(), ports.random.bits()[0]);
    tell(&after);
    ports.notices.replace(&after).await?;
    Ok(after.state)
}

/// Whether what a notice tells of is so.
enum Truth {
    Holds,
    /// Its object has not ended.
    Yet,
    /// Its object ended otherwise, or is gone.
    Never,
}

async fn truth(ports: &Ports, notice: &Notice) -> Result<Truth, StoreError> {
    if planted(Fault::ToldBeforeItHolds) {
        return Ok(Truth::Holds);
    }
    let ended_so = |so: bool| if so { Truth::Holds } else { Truth::Never };
    Ok(match notice.subject {
        Subject::Batch(id) => match ports.batches.get(id).await? {
            None => Truth::Never,
            Some(batch) if !batch.state.kind().is_final() => Truth::Yet,
            Some(batch) => ended_so(EventType::of_batch(batch.state.kind()) == Some(notice.event)),
        },
        Subject::Job { id, attempt } => match ports.jobs.get(&[id]).await?.pop().flatten() {
            None => Truth::Never,
            Some(job) if !job.state.is_final() => Truth::Yet,
            Some(job) => ended_so(job.attempt == attempt && notice.event.tells_of(job.state.kind())),
        },
    })
}

async fn publish(ways: &Delivering, notice: &Notice) -> Outcome {
    let Some(bus) = &ways.bus else { return Outcome::Refused("there is no event bus".to_owned()) };
    match bus.publish(notice).await {
        Ok(()) => Outcome::Taken,
        Err(_) => Outcome::Missed("the event bus could not be reached".to_owned()),
    }
}

async fn send(ports: &Ports, ways: &Delivering, notice: &Notice, webhook: &Webhook) -> Result<Outcome, StoreError> {
    let Some(carrier) = &ways.webhooks else { return Ok(Outcome::Refused("no webhooks are sent here".to_owned())) };
    let row = ports.receivers.get(&notice.tenant).await?;
    let Some(receiver) = row.as_ref().and_then(|row| row.find(webhook.receiver)) else {
        return Ok(Outcome::Refused("its endpoint was deleted".to_owned()));
    };
    if receiver.disabled_ms.is_some() {
        return Ok(Outcome::Refused("its endpoint is disabled".to_owned()));
    }
    let url = webhook.url.as_ref().unwrap_or(&receiver.url);
    let delivery = delivery(ports, receiver, url, &Payload::of(notice)).await?;
    let delivered = carrier.deliver(&delivery, ports.clock.now_ms() / 1_000).await;
    if delivered == (Delivered::Answered { status: 410 }) {
        receivers::disable(ports, &notice.tenant, webhook.receiver).await?;
    }
    Ok(outcome(delivered))
}

/// What a delivery is to its notice.
fn outcome(delivered: Delivered) -> Outcome {
    match delivered {
        Delivered::Answered { status: 200..=299 } => Outcome::Taken,
        Delivered::Answered { status: 410 } => Outcome::Gone,
        Delivered::Answered { status } => Outcome::Missed(format!("the receiver answered {status}")),
        // What a name leads to may change back.
        Delivered::Forbidden(why) => Outcome::Missed(why.to_string()),
        Delivered::Unanswered(silence) => Outcome::Missed(silence.to_string()),
        Delivered::Unsendable => Outcome::Refused("it cannot be signed".to_owned()),
    }
}

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

/// Tells operators of an attempt that did not succeed.
fn tell(after: &Notice) {
    let (notice, attempts, event) = (after.id, after.attempts, after.event.name());
    match after.state {
        State::Delivered { .. } | State::Void { .. } => {}
        State::Owed => tracing::info!(%notice, attempts, event, "a notice was not taken"),
        State::Dead { .. } => tracing::warn!(%notice, attempts, event, "a notice is dead"),
    }
}

/// Owes a dead notice again, as if it were new; nothing if the tenant has no dead notice of that id.
///
/// # Errors
/// [`StoreError`].
pub async fn replay(ports: &Ports, tenant: &TenantId, id: NoticeId) -> Result<Option<Notice>, StoreError> {
    loop {
        let dead = |notice: &Notice| notice.tenant == *tenant && matches!(notice.state, State::Dead { .. });
        let Some(notice) = ports.notices.get(id).await?.filter(dead) else { return Ok(None) };
        let again = Notice { state: State::Owed, attempts: 0, due_ms: ports.clock.now_ms(), ..notice };
        if ports.notices.replace(&again).await? {
            return Ok(Some(Notice { version: again.version + 1, ..again }));
        }
    }
}
