//! The machine's clock: the one place that asks it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use offpeak_core::ports::Clock;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
    fn now_ms(&self) -> u64 {
        unix_ms(SystemTime::now())
    }

    async fn sleep_ms(&self, duration_ms: u64) {
        tokio::time::sleep(Duration::from_millis(duration_ms)).await;
    }
}

/// Unix milliseconds; 0 for a time before 1970.
pub(crate) fn unix_ms(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
