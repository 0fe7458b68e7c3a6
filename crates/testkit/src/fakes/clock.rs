//! A clock that follows tokio's, and so stands still and leaps when a test's does.

use async_trait::async_trait;
use offpeak_core::ports::Clock;
use tokio::time::{Duration, Instant};

/// Time since a fixed moment, by tokio's clock. Clones and [`TokioClock::skewed`] ones run together.
#[derive(Debug, Clone)]
pub struct TokioClock {
    start: Instant,
    epoch_ms: u64,
    skew_ms: i64,
}

impl TokioClock {
    /// 2026-01-01 00:00:00 UTC in Unix milliseconds.
    pub const EPOCH_MS: u64 = 1_767_225_600_000;

    /// A clock that shows `epoch_ms` (Unix milliseconds) now.
    pub fn new(epoch_ms: u64) -> Self {
        Self { start: Instant::now(), epoch_ms, skew_ms: 0 }
    }

    /// The clock of another machine: ahead of this one by `skew_ms`, or behind it where that is negative.
    #[must_use]
    pub fn skewed(&self, skew_ms: i64) -> Self {
        Self { skew_ms: self.skew_ms + skew_ms, ..self.clone() }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new(Self::EPOCH_MS)
    }
}

#[async_trait]
impl Clock for TokioClock {
    fn now_ms(&self) -> u64 {
        let elapsed_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.epoch_ms.saturating_add(elapsed_ms).saturating_add_signed(self.skew_ms)
    }

    async fn sleep_ms(&self, duration_ms: u64) {
        tokio::time::sleep(Duration::from_millis(duration_ms)).await;
    }
}
