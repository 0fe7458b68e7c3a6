//! Repeats of calls that may be repeated: reads, deletes and cancels; never a create.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName};
use jiff::fmt::rfc2822::DateTimeParser;

use super::failure::Failure;

/// A wish to wait longer than this is the caller's to obey, not ours to sleep through.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Pauses double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How often a call is repeated, and how fast.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    /// Repeats beside the first try.
    pub(super) repeats: u32,
    /// The first pause, before jitter.
    pub(super) pause: Duration,
}

impl Retry {
    /// Calls until there is an answer, a definite no, or no repeat left.
    pub(super) async fn run<T, F>(self, call: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut tried = 0;
        loop {
            let failure = match call().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let Some(pause) = self.pause_after(&failure, tried) else { return Err(failure) };
            tokio::time::sleep(pause).await;
            tried += 1;
        }
    }

    fn pause_after(self, failure: &Failure, tried: u32) -> Option<Duration> {
        if tried >= self.repeats {
            return None;
        }
        match failure {
            Failure::Unreachable | Failure::Unanswered => Some(self.backoff(tried)),
            Failure::Denied(denial) if matches!(denial.status, 408 | 425 | 429 | 499..) => {
                let Some(wait_ms) = denial.retry_after_ms else { return Some(self.backoff(tried)) };
                let wait = Duration::from_millis(wait_ms);
                (wait <= LONGEST_WAIT).then_some(wait.max(self.pause))
            }
            Failure::Denied(_) | Failure::Key | Failure::Unreadable | Failure::Source => None,
        }
    }

    /// Doubling, and between half and all of it, so that many pollers do not return together.
    fn backoff(self, tried: u32) -> Duration {
        let full = self.pause.saturating_mul(1 << tried.min(10)).min(LONGEST_PAUSE);
        // The standard library's hasher is seeded anew each time: randomness enough for a pause.
        let share = u32::try_from(RandomState::new().hash_one(tried) % 1024).unwrap_or(0);
        full / 2 + full / 2 * share / 1024
    }
}

/// Milliseconds that an answer asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date. A date counts
/// from the answer's own `Date`, so that clocks need not agree.
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let ms = text(&HeaderName::from_static("retry-after-ms")).and_then(|wait| scaled(wait, 1.0));
    ms.or_else(|| scaled(text(&RETRY_AFTER)?, 1000.0)).or_else(|| {
        let instant = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
        let wait = instant(text(&RETRY_AFTER)?)?.as_millisecond() - instant(text(&DATE)?)?.as_millisecond();
        u64::try_from(wait).ok()
    })
}

fn scaled(text: &str, to_ms: f64) -> Option<u64> {
    let wait = Duration::try_from_secs_f64(text.parse::<f64>().ok()? * to_ms / 1000.0).ok()?;
    u64::try_from(wait.as_millis()).ok()
}
