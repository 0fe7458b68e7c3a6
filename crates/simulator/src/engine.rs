//! The model server as a thing that can be busy, die and come back.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Whether the model server lives, and how many calls it works at.
pub(crate) struct Engine {
    deaths: watch::Sender<u64>,
    down_until: Mutex<Option<Instant>>,
    working: AtomicU32,
}

/// A call that is worked at, while it lives.
pub(crate) struct Working<'a>(&'a AtomicU32);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self { deaths: watch::Sender::new(0), down_until: Mutex::new(None), working: AtomicU32::new(0) }
    }

    /// Whether nobody is there.
    pub(crate) fn is_down(&self) -> bool {
        self.down_until.lock().is_some_and(|until| Instant::now() < until)
    }

    /// It dies, and is back after so long.
    pub(crate) fn die(&self, down_ms: u64) {
        *self.down_until.lock() = Some(Instant::now() + Duration::from_millis(down_ms));
        self.deaths.send_modify(|deaths| *deaths += 1);
    }

    /// How often it has died.
    pub(crate) fn deaths(&self) -> u64 {
        *self.deaths.borrow()
    }

    /// Resolves when it dies.
    pub(crate) fn death(&self) -> impl Future<Output = ()> + use<> {
        let mut deaths = self.deaths.subscribe();
        async move {
            // The sender lives as long as any call.
            let _ = deaths.changed().await;
        }
    }

    /// A place for a call, unless so many are taken; 0 is as many as come.
    pub(crate) fn begin(&self, capacity: u32) -> Option<Working<'_>> {
        let before = self.working.fetch_add(1, Ordering::Relaxed);
        let working = Working(&self.working);
        (capacity == 0 || before < capacity).then_some(working)
    }
}
