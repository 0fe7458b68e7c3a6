//! Randomness from a seed: the same seed, the same choices.

use std::sync::Arc;

use offpeak_core::ports;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Randomness from a seed. Clones draw from one sequence.
#[derive(Debug, Clone)]
pub struct Random {
    rng: Arc<Mutex<StdRng>>,
}

impl Random {
    /// The sequence of that seed.
    pub fn seeded(seed: u64) -> Self {
        Self { rng: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))) }
    }

    /// A sequence of its own, decided by this one.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::seeded(self.rng.lock().random())
    }

    /// A number from `low` to `high`, both included; `low` where there is no choice.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        if low >= high { low } else { self.rng.lock().random_range(low..=high) }
    }

    /// True in so many of a thousand cases.
    pub fn chance(&self, per_mille: u32) -> bool {
        self.between(0, 999) < u64::from(per_mille)
    }
}

impl ports::Random for Random {
    fn bits(&self) -> [u8; 16] {
        self.rng.lock().random()
    }
}
