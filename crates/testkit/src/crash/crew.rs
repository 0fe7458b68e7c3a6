//! Those who work without being asked: packers, pollers, the sweeper and notifiers.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join;
use offpeak_core::flows::advance::{Advanced, advance};
use offpeak_core::flows::notices::{Delivering, deliver_all};
use offpeak_core::flows::{pack, sweep};
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{JobSweep, Ports};
use parking_lot::Mutex;

use super::switch::Switch;
use super::weather::Weather;

/// One of them.
#[derive(Clone)]
pub struct Worker {
    /// Its way to the stores.
    pub ports: Ports,
    /// Its life.
    pub switch: Switch,
    /// Its weather.
    pub weather: Weather,
    /// What it does.
    pub duty: Duty,
}

/// What a worker does at every tick.
#[derive(Clone)]
pub enum Duty {
    /// Drains a class.
    Pack {
        /// The class.
        class: &'static str,
        /// How long one drain may take, milliseconds.
        drain_ms: u64,
    },
    /// Advances every open submission.
    Poll,
    /// Expires what waited too long.
    Sweep(Arc<dyn JobSweep>),
    /// Tells receivers what they are owed.
    Notify(Delivering),
}

/// When to look at which submission again: a poller's memory, lost when it dies.
type Memory = Mutex<BTreeMap<SubmissionId, u64>>;

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("duty", &self.duty).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Duty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pack { class, .. } => class,
            Self::Poll => "poll",
            Self::Sweep(_) => "sweep",
            Self::Notify(_) => "notify",
        })
    }
}

impl Worker {
    /// Works for ever: dies, and comes back with an empty memory.
    pub async fn live(self) {
        loop {
            let memory = Memory::default();
            self.switch.until_death(Box::pin(self.work(&memory))).await;
            self.weather.wait(100, 20_000).await;
        }
    }

    async fn work(&self, memory: &Memory) {
        let tick_ms = self.ports.settings.timing.tick_ms;
        let pause_ms = if matches!(self.duty, Duty::Sweep(_)) { tick_ms * 4 } else { tick_ms };
        loop {
            if self.weather.strikes(self.weather.hazards.ticks) {
                join(Box::pin(self.tick(memory)), Box::pin(self.tick(memory))).await;
            } else {
                Box::pin(self.tick(memory)).await;
            }
            self.weather.wait(pause_ms, pause_ms).await;
        }
    }

    /// One tick. Whatever fails is done again at a later one.
    async fn tick(&self, memory: &Memory) {
        match &self.duty {
            Duty::Pack { class, drain_ms } => {
                let stop_ms = self.ports.clock.now_ms() + drain_ms;
                for id in pack::tick(&self.ports, class, stop_ms).await.unwrap_or_default() {
                    let _ = advance(&self.ports, id).await;
                }
            }
            Duty::Notify(ways) => drop(deliver_all(&self.ports, ways, u64::MAX).await),
            Duty::Poll => self.poll(memory).await,
            Duty::Sweep(jobs) => drop(sweep::expire(&self.ports, jobs.as_ref()).await),
        }
    }

    async fn poll(&self, memory: &Memory) {
        for id in self.ports.submissions.open().await.unwrap_or_default() {
            let due_ms = memory.lock().get(&id).copied().unwrap_or(0);
            if self.ports.clock.now_ms() < due_ms {
                continue;
            }
            match advance(&self.ports, id).await {
                Ok(Advanced::Until(until_ms)) => memory.lock().insert(id, until_ms),
                Ok(Advanced::Settled) | Err(_) => memory.lock().remove(&id),
            };
        }
    }
}
