//! Those who work: pollers of submissions, workers of the fleet, and callers who withdraw what they put in.

use std::collections::BTreeMap;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, FutureExt, join, select};
use offpeak_core::flows::advance::{Advanced, advance};
use offpeak_core::flows::work::{self, work};
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::Ports;
use offpeak_core::submission::{Event, Origin};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::sleep;

use super::ledger::Ledger;
use crate::chaos::{Gate, Lost};
use crate::crash::switch::Switch;
use crate::crash::weather::{Way, Weather};

/// A worker's way to the desk: what befalls it there is written down.
pub(super) struct Troubled {
    pub(super) way: Way,
    pub(super) ledger: Ledger,
}

impl Troubled {
    /// Waits for what the weather decides. That it takes a while is trouble from the beginning.
    async fn pass(&self, passing: impl Future<Output = Result<(), Lost>> + Send) -> Result<(), Lost> {
        let (ledger, name) = (&self.ledger, &self.way.name);
        let mut passing = Box::pin(passing);
        let passed = if let Some(passed) = (&mut passing).now_or_never() {
            passed
        } else {
            ledger.trouble(name, 0);
            let passed = passing.await;
            ledger.trouble(name, 0);
            passed
        };
        if passed.is_err() {
            ledger.trouble(name, 0);
        }
        if let Err(Lost::LateThenLost { delay_ms }) = passed {
            // What takes effect late befalls the worker then, too.
            let (ledger, name) = (ledger.clone(), name.clone());
            ledger.with(|pages| pages.late.insert(name.clone()));
            tokio::spawn(async move {
                sleep(Duration::from_millis(delay_ms + 10)).await;
                ledger.trouble(&name, 0);
            });
        }
        passed
    }
}

#[async_trait]
impl Gate for Troubled {
    async fn before(&self, what: &'static str) -> Result<(), Lost> {
        self.pass(self.way.before(what)).await
    }

    async fn after(&self, what: &'static str) -> Result<(), Lost> {
        self.pass(self.way.after(what)).await
    }
}

/// A worker's machine: its process dies and comes back, its engine too.
pub(super) struct Machine {
    pub(super) worker: work::Worker,
    pub(super) switch: Switch,
    pub(super) weather: Weather,
    pub(super) ledger: Ledger,
}

impl Machine {
    /// Works for ever: dies or is told to end, and comes back with an empty memory.
    pub(super) async fn live(self) {
        loop {
            let name = &self.worker.rules.name;
            match self.switch.until_death(Box::pin(self.shift())).await {
                Some(()) => self.ledger.trouble(name, 0),
                None => self.ledger.trouble(name, 1),
            }
            self.weather.wait(100, 20_000).await;
        }
    }

    /// Works until it is told to end: now and then, in bad weather.
    async fn shift(&self) {
        let (stop, stopped) = watch::channel(false);
        let told = async {
            self.weather.wait(5_000, 150_000).await;
            if self.weather.strikes(500) {
                self.ledger.trouble(&self.worker.rules.name, 0);
                let _ = stop.send(true);
            }
            pending::<()>().await;
        };
        match select(Box::pin(work(&self.worker, stopped)), pin!(told)).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }
}

/// When to look at which submission again: lost when its poller dies.
type Memory = Mutex<BTreeMap<SubmissionId, u64>>;

/// A poller of submissions.
pub(super) struct Poller {
    pub(super) ports: Ports,
    pub(super) switch: Switch,
    pub(super) weather: Weather,
}

impl Poller {
    /// Polls for ever: dies, and comes back with an empty memory.
    pub(super) async fn live(self) {
        loop {
            let memory = Memory::default();
            self.switch.until_death(Box::pin(self.poll(&memory))).await;
            self.weather.wait(100, 20_000).await;
        }
    }

    async fn poll(&self, memory: &Memory) {
        let tick_ms = self.ports.settings.timing.tick_ms;
        loop {
            if self.weather.strikes(self.weather.hazards.ticks) {
                join(Box::pin(self.tick(memory)), Box::pin(self.tick(memory))).await;
            } else {
                Box::pin(self.tick(memory)).await;
            }
            self.weather.wait(tick_ms, tick_ms).await;
        }
    }

    async fn tick(&self, memory: &Memory) {
        for id in self.ports.submissions.open().await.unwrap_or_default() {
            let due_ms = memory.lock().get(&id).copied().unwrap_or(0);
            if self.ports.clock.now_ms() < due_ms {
                continue;
            }
            match Box::pin(advance(&self.ports, id)).await {
                Ok(Advanced::Until(until_ms)) => memory.lock().insert(id, until_ms),
                Ok(Advanced::Settled) | Err(_) => memory.lock().remove(&id),
            };
        }
    }
}

/// Asks a submission to end, as the batch that it is a part of would.
pub(super) async fn withdraw(ports: &Ports, id: SubmissionId, after_ms: u64) {
    sleep(Duration::from_millis(after_ms)).await;
    loop {
        if let Ok(Some(row)) = ports.submissions.get(id).await {
            let over = matches!(row.origin, Origin::Batch { withdrawn: true, .. });
            let Ok(withdrawn) = row.after(Event::Withdraw) else { return };
            if over || matches!(ports.submissions.replace(&withdrawn).await, Ok(true)) {
                return;
            }
        }
        sleep(Duration::from_secs(1)).await;
    }
}
