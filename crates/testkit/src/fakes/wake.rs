//! Who was woken: a record, and a signal to wait for.

use std::sync::Arc;

use offpeak_core::ids::JobId;
use offpeak_core::ports::{self, Finished};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A record of everything that ended. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Wake {
    finished: Arc<Mutex<Vec<Finished>>>,
    more: Arc<Notify>,
}

impl Wake {
    /// Everything told so far, in order, repeats included.
    pub fn told(&self) -> Vec<Finished> {
        self.finished.lock().clone()
    }

    /// Waits until the job's end was told, and gives it.
    pub async fn of(&self, job: JobId) -> Finished {
        loop {
            let more = self.more.notified();
            let found = self.finished.lock().iter().find(|finished| finished.job == job).cloned();
            if let Some(found) = found {
                return found;
            }
            more.await;
        }
    }
}

impl ports::Wake for Wake {
    fn finished(&self, jobs: Vec<Finished>) {
        self.finished.lock().extend(jobs);
        self.more.notify_waiters();
    }
}
