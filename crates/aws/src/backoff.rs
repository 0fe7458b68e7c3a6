//! Waiting before a call is made again that a service refused for being asked too much.
//!
//! Exponential with full jitter: at first up to 50 ms, then twice as much each time up to 5 s, eight tries in all.

use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use rand::RngExt;

use crate::failure;

/// Tries in all, the first included.
const TRIES: u32 = 8;
/// The longest first wait, milliseconds.
const FIRST_MS: u64 = 50;
/// The longest wait, milliseconds.
const LONGEST_MS: u64 = 5_000;

/// How often something was tried.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    waits: u32,
}

impl Backoff {
    /// Waits and says that there is another try, or says at once that there is none.
    pub(crate) async fn again(&mut self) -> bool {
        if self.waits + 1 >= TRIES {
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
        let (mut backoff, began) = (Backoff::default(), tokio::time::Instant::now());
        let mut tries = 1;
        while backoff.again().await {
            tries += 1;
        }
        assert_eq!(tries, TRIES);
        assert!(began.elapsed() <= Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
