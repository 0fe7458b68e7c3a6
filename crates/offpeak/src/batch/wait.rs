//! Waiting for a batch to end: looks at pauses that grow, through whatever passes.

use std::time::Duration;

use clap::Args;

use super::client::Client;
use super::failure::Failure;
use super::wire::Batch;

/// The first pause between two looks. Each is half as long again as the one before.
const FIRST: Duration = Duration::from_millis(250);

/// How often a command looks.
#[derive(Debug, Args)]
pub(super) struct Pauses {
    /// The longest pause between two looks at the batch; the first ones are shorter
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    poll_interval: Duration,
}

/// Pauses that grow up to a bound.
#[derive(Debug)]
pub(super) struct Growing {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// From the first pause on.
    pub(super) fn begin(&self) -> Growing {
        let longest = self.poll_interval.max(Duration::from_millis(10));
        Growing { next: FIRST.min(longest), longest }
    }
}

impl Growing {
    /// Makes the next pause.
    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.step()).await;
    }

    fn step(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 3 / 2).min(self.longest);
        pause
    }
}

/// The batch as it stands.
///
/// # Errors
/// [`Failure`].
pub(super) async fn look(client: &Client, batch: &str) -> Result<Batch, Failure> {
    let call = async || client.json(client.get(&["batches", batch], &[])).await;
    client.patiently("looking at the batch", call).await
}

/// The batch when it has ended.
///
/// # Errors
/// [`Failure`]: the batch goes on.
pub(super) async fn ended(client: &Client, batch: &str, pauses: &Pauses) -> Result<Batch, Failure> {
    let mut pauses = pauses.begin();
    loop {
        let batch = look(client, batch).await?;
        if batch.has_ended() {
            client.progress.ended(&batch);
            return Ok(batch);
        }
        client.progress.running(&batch);
        pauses.pause().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_bound() {
        let mut pauses = Pauses { poll_interval: Duration::from_secs(1) }.begin();
        let steps: Vec<u128> = std::iter::repeat_with(|| pauses.step().as_millis()).take(6).collect();
        assert_eq!(steps, [250, 375, 562, 843, 1_000, 1_000]);
        assert_eq!(Pauses { poll_interval: Duration::from_millis(50) }.begin().step().as_millis(), 50);
    }
}
