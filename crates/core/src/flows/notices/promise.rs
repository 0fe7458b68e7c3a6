//! Promise: before something ends, whoever is to be told of it is owed a notice.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::batch::Batch;
use crate::endpoint::Endpoint;
use crate::faults::{Fault, planted};
use crate::ids::{JobId, TenantId};
use crate::job::{Job, Transition};
use crate::notice::{EventType, Notice, Receivers, Subject, Target, Webhook};
use crate::ports::{Ports, StoreError, Written};

/// Who is to be told, looked up once for each tenant that a flow meets.
pub(in crate::flows) struct Audience<'a> {
    ports: &'a Ports,
    known: BTreeMap<TenantId, Option<Receivers>>,
}

/// A job that is about to end.
pub(in crate::flows) struct Ended<'a> {
    /// Whose it is.
    pub(in crate::flows) tenant: &'a TenantId,
    /// Where its line went.
    pub(in crate::flows) endpoint: Endpoint,
    /// The write that ends it.
    pub(in crate::flows) end: &'a Transition,
    /// Its answer's body, if it is at hand.
    pub(in crate::flows) body: Option<&'a Bytes>,
    /// Its row, if it is at hand.
    pub(in crate::flows) row: Option<&'a Job>,
}

impl<'a> Ended<'a> {
    /// A job whose row is at hand.
    fn of(job: &'a Job, end: &'a Transition) -> Self {
        Self { tenant: &job.tenant, endpoint: job.lane.endpoint, end, body: None, row: Some(job) }
    }
}

/// Ends one job: owes what is to be told of it, and then writes its end. `untold` is the fault that leaves the first out.
pub(in crate::flows) async fn end(
    ports: &Ports,
    job: &Job,
    end: &Transition,
    untold: Fault,
) -> Result<Option<Written>, StoreError> {
    let (mut audience, ended) = (Audience::new(ports), [Ended::of(job, end)]);
    let afterwards = planted(Fault::EndedBeforeOwed);
    if !afterwards && !planted(untold) {
        audience.promise(&ended).await?;
    }
    let written = ports.jobs.apply(vec![end.clone()]).await?.pop();
    if afterwards {
        audience.promise(&ended).await?;
    }
    Ok(written)
}

impl<'a> Audience<'a> {
    /// Nobody is looked up yet.
    pub(in crate::flows) const fn new(ports: &'a Ports) -> Self {
        Self { ports, known: BTreeMap::new() }
    }

    /// Owes what is to be told of these jobs. Durable when it returns; to be called before their ends are written.
    pub(in crate::flows) async fn promise(&mut self, ended: &[Ended<'_>]) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        let named = self.named(ended).await?;
        let mut notices = Vec::new();
        for one in ended {
            let Transition { job, attempt, state, .. } = one.end;
            let subject = Subject::Job { id: *job, attempt: *attempt, end: state.kind() };
            let events = EventType::of_job(one.endpoint, &one.end.state, one.body.map(AsRef::as_ref));
            for (left, event) in (0..events.len()).rev().zip(events) {
                // Whom the request names hears of it once: as of the response that it is, if it is one.
                let named = named.get(&one.end.job).filter(|_| left == 0);
                self.owe(&mut notices, one.tenant, subject, event, named).await?;
            }
        }
        self.store(notices).await
    }

    /// The same of a batch, whose row is about to be replaced by this one.
    pub(in crate::flows) async fn promise_batch(&mut self, after: &Batch) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        let Some(event) = EventType::of_batch(after.state.kind()) else { return Ok(()) };
        let mut notices = Vec::new();
        let (subject, webhook) = (Subject::Batch(after.id), after.asked.webhook.as_ref());
        self.owe(&mut notices, &after.tenant, subject, event, webhook).await?;
        self.store(notices).await
    }

    /// Whether nobody is ever told anything here.
    fn is_empty(&self) -> bool {
        let telling = self.ports.settings.telling;
        !telling.webhooks && !telling.bus
    }

    /// Whom the requests of these jobs name. Rows are read only of tenants whose jobs may name somebody.
    async fn named(&mut self, ended: &[Ended<'_>]) -> Result<BTreeMap<JobId, Webhook>, StoreError> {
        let now_ms = self.ports.clock.now_ms();
        let (mut named, mut unread) = (BTreeMap::new(), Vec::new());
        for one in ended {
            match one.row {
                Some(row) => named.extend(row.request.webhook.clone().map(|webhook| (row.id, webhook))),
                None if self.receivers(one.tenant).await?.is_some_and(|row| now_ms < row.asked_until_ms) => {
                    unread.push(one.end.job);
                }
                None => {}
            }
        }
        if !unread.is_empty() {
            for row in self.ports.jobs.get(&unread).await?.into_iter().flatten() {
                named.extend(row.request.webhook.map(|webhook| (row.id, webhook)));
            }
        }
        Ok(named)
    }

    async fn store(&self, notices: Vec<Notice>) -> Result<(), StoreError> {
        if notices.is_empty() || planted(Fault::EndUntold) {
            return Ok(());
        }
        self.ports.notices.create(notices).await
    }

    /// Adds a notice for each receiver, each once.
    async fn owe(
        &mut self,
        notices: &mut Vec<Notice>,
        tenant: &TenantId,
        subject: Subject,
        event: EventType,
        named: Option<&Webhook>,
    ) -> Result<(), StoreError> {
        let now_ms = self.ports.clock.now_ms();
        let mut targets = Vec::new();
        if let Some(receivers) = self.receivers(tenant).await? {
            let named = named.filter(|webhook| receivers.find(webhook.receiver).is_some());
            let others = receivers.subscribed(event).filter(|one| named.is_none_or(|named| named.receiver != one.id));
            targets.extend(others.map(|one| Target::Webhook(Webhook { receiver: one.id, url: None })));
            targets.extend(named.cloned().map(Target::Webhook));
        }
        if self.ports.settings.telling.bus {
            targets.push(Target::Bus);
        }
        notices.extend(targets.into_iter().map(|to| Notice::new(tenant.clone(), subject, event, to, now_ms)));
        Ok(())
    }

    async fn receivers(&mut self, tenant: &TenantId) -> Result<Option<&Receivers>, StoreError> {
        if !self.ports.settings.telling.webhooks {
            return Ok(None);
        }
        if !self.known.contains_key(tenant) {
            let row = match self.ports.receivers.get(tenant).await {
                // Whose row cannot be read is told nothing; what ends must end all the same.
                Err(StoreError::Corrupt(error)) => {
                    tracing::error!(error, %tenant, "a tenant's receivers cannot be read");
                    None
                }
                row => row?,
            };
            self.known.insert(tenant.clone(), row);
        }
        Ok(self.known.get(tenant).and_then(Option::as_ref))
    }
}
