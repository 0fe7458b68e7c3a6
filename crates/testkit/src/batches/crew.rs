//! Those who work without being asked: drivers of batches, pollers of their submissions, and notifiers of their ends.

use std::collections::BTreeMap;

use futures_util::future::join;
use offpeak_core::flows::advance::{Advanced, advance};
use offpeak_core::flows::batches::drive_all;
use offpeak_core::flows::notices::{Delivering, deliver_all};
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::Ports;
use parking_lot::Mutex;

use crate::crash::switch::Switch;
use crate::crash::weather::Weather;

/// What a worker does at every tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    Drive,
    Poll,
    Notify,
}

/// One of them.
pub(super) struct Worker {
    pub(super) ports: Ports,
    pub(super) switch: Switch,
    pub(super) weather: Weather,
    pub(super) duty: Duty,
    pub(super) ways: Delivering,
}

/// When to look at which submission again: lost when its poller dies.
type Memory = Mutex<BTreeMap<SubmissionId, u64>>;

impl Worker {
    /// Works for ever: dies, and comes back with an empty memory.
    pub(super) async fn live(self) {
        loop {
            let memory = Memory::default();
            self.switch.until_death(Box::pin(self.work(&memory))).await;
            self.weather.wait(100, 20_000).await;
        }
    }

    async fn work(&self, memory: &Memory) {
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

    /// One tick. Whatever fails is done again at a later one.
    async fn tick(&self, memory: &Memory) {
        match self.duty {
            Duty::Drive => drop(drive_all(&self.ports, u64::MAX).await),
            Duty::Notify => drop(deliver_all(&self.ports, &self.ways, u64::MAX).await),
            Duty::Poll => self.poll(memory).await,
        }
    }

    async fn poll(&self, memory: &Memory) {
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
