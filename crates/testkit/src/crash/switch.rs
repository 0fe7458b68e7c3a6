//! An actor's life: it may die in the middle of anything, and starts again with an empty memory.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

/// One actor's switch. Clones are the same switch.
#[derive(Debug, Clone)]
pub struct Switch {
    deaths: Arc<watch::Sender<u64>>,
}

impl Default for Switch {
    fn default() -> Self {
        Self { deaths: Arc::new(watch::Sender::new(0)) }
    }
}

impl Switch {
    /// Kills everything that runs under this switch now.
    pub fn kill(&self) {
        self.deaths.send_modify(|deaths| *deaths += 1);
    }

    /// Runs `work` until it ends, or drops it where it stands when the actor dies (`None`).
    pub async fn until_death<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut deaths = self.deaths.subscribe();
        tokio::select! {
            biased;
            _ = deaths.changed() => None,
            done = work => Some(done),
        }
    }
}
