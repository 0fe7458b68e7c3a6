//! Stores as far away as a cloud's: every call is counted, and takes its time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use offpeak_core::class::Rule;
use offpeak_core::ids::{CredentialId, JobId};
use offpeak_core::job::{Job, Mark, Transition};
use offpeak_core::ports::{
    self, Backend, Created, Depth, Message, Ports, Receipt, Received, Settings, StoreError, Written,
};
use offpeak_testkit::chaos::{Gate, Lost, behind};
use offpeak_testkit::fakes::{Fakes, TokioClock};
use offpeak_testkit::provider::{Script, ScriptedProvider};
use parking_lot::Mutex;

/// What one request to a store takes, milliseconds.
const TRIP_MS: u64 = 20;

/// Rows that are written side by side.
const ROWS: usize = 256;

/// Messages in one request to a queue, and requests side by side.
const BATCH: usize = 10;
const BATCHES: usize = 64;

/// How often each port was called, and for how many rows or messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    counts: Arc<Mutex<BTreeMap<&'static str, Count>>>,
}

/// Calls, and the rows or messages that they were for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) calls: usize,
    pub(crate) items: usize,
}

impl Meter {
    pub(crate) fn of(&self, what: &str) -> Count {
        self.counts.lock().get(what).copied().unwrap_or_default()
    }

    pub(crate) fn reset(&self) {
        self.counts.lock().clear();
    }

    /// A line for each call that was made.
    pub(crate) fn table(&self) -> String {
        let counts = self.counts.lock();
        let line =
            |(what, count): (&&str, &Count)| format!("{what:<22} {:>6} calls {:>6} items", count.calls, count.items);
        counts.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn count(&self, what: &'static str, items: usize) {
        let mut counts = self.counts.lock();
        let count = counts.entry(what).or_default();
        count.calls += 1;
        count.items += items;
    }

    async fn rows(&self, what: &'static str, items: usize) {
        self.count(what, items);
        trips(items.div_ceil(ROWS)).await;
    }

    async fn messages(&self, what: &'static str, items: usize) {
        self.count(what, items);
        trips(items.div_ceil(BATCH).div_ceil(BATCHES)).await;
    }
}

async fn trips(trips: usize) {
    tokio::time::sleep(Duration::from_millis(TRIP_MS) * u32::try_from(trips.max(1)).unwrap_or(u32::MAX)).await;
}

/// Every other port: one request for each call.
#[async_trait]
impl Gate for Meter {
    async fn before(&self, what: &'static str) -> Result<(), Lost> {
        self.rows(what, 1).await;
        Ok(())
    }

    async fn after(&self, _: &'static str) -> Result<(), Lost> {
        Ok(())
    }
}

struct Jobs(Arc<dyn ports::Jobs>, Meter);

#[async_trait]
impl ports::Jobs for Jobs {
    async fn create(&self, jobs: Vec<Job>) -> Result<Vec<Created>, StoreError> {
        self.1.rows("jobs.create", jobs.len()).await;
        self.0.create(jobs).await
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        self.1.rows("jobs.get", ids.len()).await;
        self.0.get(ids).await
    }

    async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<Written>, StoreError> {
        self.1.rows("jobs.apply", transitions.len()).await;
        self.0.apply(transitions).await
    }

    async fn mark(&self, id: JobId, mark: Mark) -> Result<Written, StoreError> {
        self.1.rows("jobs.mark", 1).await;
        self.0.mark(id, mark).await
    }
}

struct Intake(Arc<dyn ports::Intake>, Meter);

#[async_trait]
impl ports::Intake for Intake {
    async fn send(&self, messages: Vec<Message>) -> Result<(), StoreError> {
        self.1.messages("intake.send", messages.len()).await;
        self.0.send(messages).await
    }

    async fn receive(
        &self,
        class: &str,
        max: usize,
        visibility_ms: u64,
        wait_ms: u64,
    ) -> Result<Vec<Received>, StoreError> {
        let received = self.0.receive(class, max, visibility_ms, wait_ms).await?;
        self.1.messages("intake.receive", received.len()).await;
        Ok(received)
    }

    async fn delete(&self, class: &str, receipts: Vec<Receipt>) -> Result<(), StoreError> {
        self.1.messages("intake.delete", receipts.len()).await;
        self.0.delete(class, receipts).await
    }

    async fn depth(&self, class: &str) -> Result<Depth, StoreError> {
        self.1.messages("intake.depth", 1).await;
        self.0.depth(class).await
    }
}

/// Ports over distant stores, with a class `soon` of one minute and a calm provider `openai`.
pub(crate) fn distant(clock: &TokioClock) -> (Fakes, Ports, Meter) {
    let fakes = Fakes::new(clock, 1);
    let credentials = fakes.credentials.clone().with(&CredentialId::from("gateway"), "secret");
    let fakes = Fakes { credentials, ..fakes };
    let provider: Arc<dyn Backend> = Arc::new(ScriptedProvider::new(clock, 1, Script::calm()));
    let rule = Rule::Window { window_ms: 60_000, max_jobs: None };
    let settings = Settings { classes: BTreeMap::from([("soon".to_owned(), rule)]), ..Settings::default() };
    let near = fakes.ports(BTreeMap::from([("openai".to_owned(), provider)]), settings);
    let meter = Meter::default();
    let gate: Arc<dyn Gate> = Arc::new(meter.clone());
    let ports = Ports {
        jobs: Arc::new(Jobs(Arc::clone(&near.jobs), meter.clone())),
        intake: Arc::new(Intake(Arc::clone(&near.intake), meter.clone())),
        backends: near.backends.clone(),
        ..behind(&near, &gate)
    };
    (fakes, ports, meter)
}
