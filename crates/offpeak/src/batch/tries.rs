//! Another try of what failed in passing, after pauses that grow, for as long as one has patience.

use std::time::{Duration, Instant};

use super::client::Client;
use super::failure::Failure;

/// The patience of what is soon done.
pub(super) const BRIEF: Duration = Duration::from_secs(10);

/// The patience of what has time: a gateway is restarted meanwhile.
pub(super) const LONG: Duration = Duration::from_mins(10);

/// The first pause, before jitter; it doubles up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// A server that asks for more than this is asked again after this.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// The tries of one thing.
#[derive(Debug)]
pub(super) struct Tries<'a> {
    client: &'a Client,
    what: &'a str,
    failed: u32,
    since: Option<Instant>,
}

impl<'a> Tries<'a> {
    /// None so far. `what` says what is tried, as in "could not be done: …".
    pub(super) const fn of(client: &'a Client, what: &'a str) -> Self {
        Self { client, what, failed: 0, since: None }
    }

    /// Waits for the time of the next try.
    ///
    /// # Errors
    /// The failure itself, if it does not pass or the time is up.
    pub(super) async fn again(&mut self, failure: Failure) -> Result<(), Failure> {
        if !failure.is_passing() {
            return Err(failure);
        }
        let pause = pause(self.failed, &failure);
        let spent = self.since.get_or_insert_with(Instant::now).elapsed();
        if spent + pause > self.client.patience {
            return Err(failure);
        }
        if self.failed == 0 {
            self.client.progress.say(format_args!("{}: {failure}; trying again", self.what));
        }
        self.failed += 1;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Something of it was done: the patience is whole again.
    pub(super) const fn went_on(&mut self) {
        (self.failed, self.since) = (0, None);
    }
}

/// The pause after so many failures and this one more.
fn pause(failed: u32, failure: &Failure) -> Duration {
    let (first, longest) = PAUSES;
    let full = first.saturating_mul(1 << failed.min(10)).min(longest);
    // Between half and all of it, so that many clients do not return together.
    let own = full.mul_f64(rand::random_range(0.5..=1.0));
    match failure {
        Failure::Denied(denial) => denial.retry_after.map_or(own, |wait| wait.min(LONGEST_WAIT).max(first)),
        Failure::Unreachable(_)
        | Failure::Unanswered(_)
        | Failure::Unreadable(_)
        | Failure::Source
        | Failure::Disk(_) => own,
    }
}

impl Client {
    /// Calls until there is an answer, a definite no, or no patience left.
    ///
    /// # Errors
    /// The last failure.
    pub(super) async fn patiently<T>(
        &self,
        what: &str,
        mut call: impl AsyncFnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut tries = Tries::of(self, what);
        loop {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => tries.again(failure).await?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::RETRY_AFTER;

    use super::*;
    use crate::batch::failure::Denial;

    #[test]
    fn pauses_double_up_to_a_bound_unless_the_server_asks_for_another() {
        let failure = Failure::Unanswered(String::new());
        for (failed, at_most_ms) in [(0, 250), (1, 500), (3, 2_000), (7, 30_000), (40, 30_000)] {
            let pause = pause(failed, &failure).as_millis();
            assert!(pause <= at_most_ms && pause >= at_most_ms / 2, "{failed}: {pause}");
        }
        for (asked_s, want_ms) in [(0_u64, 250), (7, 7_000), (3_600, 300_000)] {
            let headers = [(RETRY_AFTER, HeaderValue::from(asked_s))].into_iter().collect();
            let denial = Denial::read(503, &headers, b"", None);
            assert_eq!(pause(3, &Failure::Denied(denial)).as_millis(), want_ms);
        }
    }
}
