//! Waiting before a call is made again that a service refused for being asked too much.
//!
//! Exponential with full jitter: at first up to 50 ms, then twice as much each time up to 5 s; eight tries in all, and none
//! begun later than 20 s after the first.

use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use rand::RngExt;
use tokio::time::Instant;

use crate::failure;

/// Tries in all, the first included.
const TRIES: u32 = 8;
/// The longest first wait, milliseconds.
const FIRST_MS: u64 = 50;
/// The longest wait, milliseconds.
const LONGEST_MS: u64 = 5_000;

/// How long after the first try another may begin: each try may be several of the SDK's own.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often something was tried, and since when.
#[derive(Debug)]
pub(crate) struct Backoff {
    waits: u32,
    began: Instant,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { waits: 0, began: Instant::now() }
    }
}

impl Backoff {
    /// Waits and says that there is another try, or says at once that there is none.
    pub(crate) async fn again(&mut self) -> bool {
        if self.waits + 1 >= TRIES || self.began.elapsed() >= PATIENCE {
            return false;
        }
        let longest = LONGEST_MS.min(FIRST_MS << self.waits);
        self.waits += 1;
        let wait_ms = rand::rng().random_range(0..=longest);
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        true
    }
}

/// Makes a call, again and again while the service is asked too much: what it refuses has not happened.
pub(crate) async fn patiently<T, E, F>(call: impl Fn() -> F) -> Result<T, SdkError<E, HttpResponse>>
where
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    E: ProvideErrorMetadata,
{
    let mut backoff = Backoff::default();
    loop {
        match call().await {
            Err(error) if failure::is_throttle(&error) && backoff.again().await => {}
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tries_and_time_are_bounded() {
        let (mut backoff, began) = (Backoff::default(), Instant::now());
        let mut tries = 1;
        while backoff.again().await {
            tries += 1;
        }
        assert_eq!(tries, TRIES);
        assert!(began.elapsed() <= PATIENCE, "{:?}", began.elapsed());
        let mut slow = Backoff::default();
        tokio::time::advance(PATIENCE).await;
        assert!(!slow.again().await, "however few the tries");
    }
}
