//! Deliver: what is owed is sent, once it holds, until its receiver has it.
//!
//! An attempt is claimed by compare-and-set before it is made, so that two notifiers at once do not both make it. Who dies
//! after it leaves a notice that is sent again: at least once, with the same id.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, stream};

use super::payload::{Payload, delivery};
use super::receivers;
use crate::faults::{Fault, planted};
use crate::ids::{NoticeId, ReceiverId, TenantId};
use crate::notice::{self, EventType, LEASE_MS, Notice, Outcome, State, Subject, Target, Webhook, wait_ms};
use crate::ports::{Deliver, Delivered, Delivery, Events, Ports, StoreError};

/// Notices looked up at once.
const PAGE: usize = 256;

/// Sent at once: receivers are slow, and each holds no more than its message.
const SENDING: usize = 64;

/// A receiver that so often did not answer in a round is asked no more in it: each time takes as long as an attempt may.
const PATIENCE: usize = 4;

/// What such a receiver is owed beside waits so long, milliseconds.
const SILENT_MS: u64 = 60_000;

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
    let round = Round { ports, ways, stop_ms, silent: Mutex::default() };
    let (mut sent, mut seen) = (Sent::default(), BTreeSet::new());
    loop {
        let now_ms = ports.clock.now_ms();
        if now_ms >= stop_ms {
            return Ok(sent);
        }
        // Each once: the list may lag, and those that cannot be looked at stay due and must keep nobody else waiting.
        let mut due = ports.notices.due(now_ms, PAGE + sent.failed).await?;
        due.retain(|id| seen.insert(*id));
        if due.is_empty() {
            return Ok(sent);
        }
        let mut ends = stream::iter(due).map(|id| round.deliver_one(id)).buffer_unordered(SENDING);
        while let Some(end) = ends.next().await {
            sent = sent.plus(end.as_ref());
        }
    }
}

impl Sent {
    const fn plus(mut self, end: Option<&State>) -> Self {
        match end {
            Some(State::Delivered { .. }) => self.delivered += 1,
            Some(State::Owed) => self.owed += 1,
            Some(State::Dead { .. }) => self.dead += 1,
            Some(State::Void { .. }) => self.void += 1,
            None => self.failed += 1,
        }
        self
    }
}

/// One round of a notifier.
struct Round<'a> {
    ports: &'a Ports,
    ways: &'a Delivering,
    stop_ms: u64,
    /// How often each receiver did not answer in this round.
    silent: Mutex<BTreeMap<ReceiverId, usize>>,
}

impl Round<'_> {
    /// The notice's state afterwards; nothing if it could not be looked at, or was not begun with.
    async fn deliver_one(&self, id: NoticeId) -> Option<State> {
        if self.ports.clock.now_ms() >= self.stop_ms {
            return None;
        }
        match Box::pin(self.deliver(id)).await {
            Ok(state) => Some(state),
            Err(error) => {
                tracing::error!(%error, notice = %id, "a notice could not be delivered");
                None
            }
        }
    }

    async fn deliver(&self, id: NoticeId) -> Result<State, StoreError> {
        let (ports, now_ms) = (self.ports, self.ports.clock.now_ms());
        // The list may lag: by now another may have claimed it.
        let due = |notice: &Notice| notice.state == State::Owed && notice.due_ms <= now_ms;
        let Some(notice) = ports.notices.get(id).await?.filter(due) else { return Ok(State::Owed) };
        if notice.receiver().is_some_and(|receiver| self.is_silent(receiver)) {
            return put_off(ports, notice, SILENT_MS).await;
        }
        match truth(ports, &notice).await? {
            Truth::Yet => {
                let wait_ms = wait_ms(&notice, now_ms);
                return put_off(ports, notice, wait_ms).await;
            }
            Truth::Never => {
                let void = Notice { state: State::Void { at_ms: now_ms }, ..notice };
                ports.notices.replace(&void).await?;
                return Ok(void.state);
            }
            Truth::Holds => {}
        }
        // Before the claim: what fails here was no attempt.
        let message = self.message(&notice).await?;
        let claimed = Notice { attempts: notice.attempts + 1, due_ms: now_ms.saturating_add(LEASE_MS), ..notice };
        if !ports.notices.replace(&claimed).await? {
            return Ok(State::Owed);
        }
        let claimed = Notice { version: claimed.version + 1, ..claimed };
        let outcome = match message {
            Message::ToReceiver(webhook, delivery) => self.send(&claimed, &webhook, &delivery).await?,
            Message::ToBus(bus) => publish(bus, &claimed).await,
            Message::Refused(why) => Outcome::Refused(why.to_owned()),
        };
        let after = notice::after(&claimed, outcome, ports.clock.now_ms(), ports.random.bits()[0]);
        tell(&after);
        ports.notices.replace(&after).await?;
        Ok(after.state)
    }

    /// What is to be sent, and on which way.
    async fn message(&self, notice: &Notice) -> Result<Message<'_>, StoreError> {
        let Target::Webhook(webhook) = &notice.to else {
            let bus = self.ways.bus.as_deref();
            return Ok(bus.map_or(Message::Refused("there is no event bus"), Message::ToBus));
        };
        if self.ways.webhooks.is_none() {
            return Ok(Message::Refused("no webhooks are sent here"));
        }
        let row = self.ports.receivers.get(&notice.tenant).await?;
        let Some(receiver) = row.as_ref().and_then(|row| row.find(webhook.receiver)) else {
            return Ok(Message::Refused("its endpoint was deleted"));
        };
        if receiver.disabled_ms.is_some() {
            return Ok(Message::Refused("its endpoint is disabled"));
        }
        let url = webhook.url.as_ref().unwrap_or(&receiver.url);
        match delivery(self.ports, receiver, url, &Payload::of(notice)).await {
            Ok(delivery) => Ok(Message::ToReceiver(webhook.clone(), delivery)),
            Err(StoreError::NotFound | StoreError::Corrupt(_)) => Ok(Message::Refused("its secret cannot be opened")),
            Err(error) => Err(error),
        }
    }

    async fn send(&self, notice: &Notice, webhook: &Webhook, delivery: &Delivery) -> Result<Outcome, StoreError> {
        let Some(carrier) = &self.ways.webhooks else { return Ok(Outcome::Missed("no way out".to_owned())) };
        let delivered = carrier.deliver(delivery, self.ports.clock.now_ms() / 1_000).await;
        if matches!(delivered, Delivered::Unanswered(_)) {
            *self.silent().entry(webhook.receiver).or_default() += 1;
        }
        // What one request has named may be gone alone.
        if delivered == (Delivered::Answered { status: 410 }) && webhook.url.is_none() {
            receivers::disable(self.ports, &notice.tenant, webhook.receiver).await?;
        }
        Ok(outcome(delivered))
    }

    /// Whether a receiver has kept enough others waiting in this round.
    fn is_silent(&self, receiver: ReceiverId) -> bool {
        self.silent().get(&receiver).is_some_and(|times| *times >= PATIENCE)
    }

    fn silent(&self) -> MutexGuard<'_, BTreeMap<ReceiverId, usize>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be sent, and on which way.
enum Message<'a> {
    ToReceiver(Webhook, Delivery),
    ToBus(&'a dyn Events),
    /// Nothing, for this reason.
    Refused(&'static str),
}

/// Has a notice looked at again so much later.
async fn put_off(ports: &Ports, notice: Notice, pause_ms: u64) -> Result<State, StoreError> {
    let due_ms = ports.clock.now_ms().saturating_add(pause_ms);
    ports.notices.replace(&Notice { due_ms, ..notice }).await?;
    Ok(State::Owed)
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
    // What was sent once was so, and an end is for good. Its row may be gone by now.
    if notice.attempts > 0 || planted(Fault::ToldBeforeItHolds) {
        return Ok(Truth::Holds);
    }
    let ended_so = |so: bool| if so { Truth::Holds } else { Truth::Never };
    Ok(match notice.subject {
        Subject::Batch(id) => match ports.batches.get(id).await? {
            None => Truth::Never,
            Some(batch) if !batch.state.kind().is_final() => Truth::Yet,
            Some(batch) => ended_so(EventType::of_batch(batch.state.kind()) == Some(notice.event)),
        },
        Subject::Job { id, attempt, end } => match ports.jobs.get(&[id]).await?.pop().flatten() {
            None => Truth::Never,
            Some(job) if !job.state.is_final() => Truth::Yet,
            Some(job) => {
                let last = job.attempt == attempt || planted(Fault::EarlierAttemptTold);
                ended_so(last && (job.state.kind() == end || planted(Fault::OtherEndTold)))
            }
        },
    })
}

async fn publish(bus: &dyn Events, notice: &Notice) -> Outcome {
    match bus.publish(notice).await {
        Ok(()) => Outcome::Taken,
        Err(_) => Outcome::Missed("the event bus could not be reached".to_owned()),
    }
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

/// Tells operators of an attempt that did not succeed.
fn tell(after: &Notice) {
    if matches!(after.state, State::Dead { .. }) {
        tracing::warn!(notice = %after.id, attempts = after.attempts, event = after.event.name(), "a notice is dead");
    } else if after.state == State::Owed {
        not_taken(after);
    }
}

fn not_taken(after: &Notice) {
    tracing::info!(notice = %after.id, attempts = after.attempts, event = after.event.name(), "a notice was not taken");
}

/// Owes a dead notice again, as if it were new; nothing if the tenant has no dead notice of that id.
///
/// # Errors
/// [`StoreError`].
pub async fn replay(ports: &Ports, tenant: &TenantId, id: NoticeId) -> Result<Option<Notice>, StoreError> {
    loop {
        let dead = |notice: &Notice| notice.tenant == *tenant && notice.is_dead_letter();
        let Some(notice) = ports.notices.get(id).await?.filter(dead) else { return Ok(None) };
        let again = Notice { state: State::Owed, attempts: 0, due_ms: ports.clock.now_ms(), ..notice };
        if ports.notices.replace(&again).await? {
            return Ok(Some(Notice { version: again.version + 1, ..again }));
        }
    }
}
