//! An actor's life: it may die in the middle of anything, and starts again with an empty memory.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::Notify;

/// One actor's switch. Clones are the same switch.
#[derive(Debug, Clone, Default)]
pub struct Switch {
    // Not a `watch`: that wakes in an order of its own choice, and a seed would not be one run.
    death: Arc<Notify>,
}

impl Switch {
    /// Kills everything that runs under this switch now.
    pub fn kill(&self) {
        self.death.notify_waiters();
    }

    /// Runs `work` until it ends, or drops it where it stands when the actor dies (`None`).
    pub async fn until_death<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let death = self.death.notified();
        tokio::select! {
            biased;
            () = death => None,
            done = work => Some(done),
        }
    }
}
