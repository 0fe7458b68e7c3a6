//! Time and randomness.

use async_trait::async_trait;

/// Time. Two machines' clocks may differ by seconds.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Unix milliseconds.
    fn now_ms(&self) -> u64;

    /// Returns after at least this long.
    async fn sleep_ms(&self, duration_ms: u64);
}

/// Randomness that no caller can guess.
pub trait Random: Send + Sync {
    /// 128 random bits.
    fn bits(&self) -> [u8; 16];
}
