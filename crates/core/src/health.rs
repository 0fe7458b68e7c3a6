//! Which providers take nothing now: a passive circuit breaker, in the memory of one process.
//!
//! Nobody asks a provider how it is. What it is asked for anyway tells: each submission is tried there once, and that try
//! closes the breaker again. A process that does not know yet finds out by the patience of its submissions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Since when providers have taken nothing. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, u64>>>);

impl Health {
    /// A provider did not take what it was given.
    pub fn refused(&self, provider: &str, now_ms: u64) {
        self.known().entry(provider.to_owned()).or_insert(now_ms);
    }

    /// A provider took something.
    pub fn took(&self, provider: &str) {
        self.known().remove(provider);
    }

    /// Since when a provider has taken nothing, Unix milliseconds.
    pub fn out_since_ms(&self, provider: &str) -> Option<u64> {
        self.known().get(provider).copied()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
