//! What the agent is started with.

use std::time::Duration;

use anyhow::ensure;
use clap::Parser;
use offpeak_core::fleet::{Rates, Timing};
use offpeak_core::flows::work::Rules;
use offpeak_core::route::ByModel;

/// Between two looks for work: each is a call of the gateway, which is paid for.
const LOOK_MS: u64 = 5_000;

/// Told to end: how long requests that run may go on. With what is stored after it less than the 90 s that are left of a
/// notice.
const GRACE_MS: u64 = 40_000;

/// Takes work from a gateway for the model server beside it, on an EC2 instance that it ends when there is none.
#[derive(Debug, Parser)]
pub struct Options {
    /// URL of the model server, which speaks OpenAI's API
    #[arg(long, value_name = "URL")]
    pub engine: String,
    /// URL of the gateway
    #[arg(long, value_name = "URL")]
    pub gateway: String,
    /// The SSM parameter that holds the workers' key
    #[arg(long, value_name = "NAME")]
    pub key_parameter: String,
    /// Requests at once at first, such as the server's own limit
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub concurrency: u32,
    /// Requests at once at most [default: twice --concurrency]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8_192))]
    pub max_concurrency: Option<u32>,
    /// Without work for so long the instance ends
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    pub idle: Duration,
    /// Where the instance's metadata is, for tests [default: EC2's own address]
    #[arg(long, value_name = "URL")]
    pub metadata: Option<String>,
}

impl Options {
    /// After how long without work the instance ends, milliseconds.
    pub fn idle_ms(&self) -> u64 {
        u64::try_from(self.idle.as_millis()).unwrap_or(u64::MAX)
    }

    /// The rules of a worker of that name, which is its instance's id: by it the scaler knows who works.
    ///
    /// # Errors
    /// The numbers do not fit each other.
    pub fn rules(&self, name: &str) -> anyhow::Result<Rules> {
        let most = self.max_concurrency.unwrap_or(2 * self.concurrency);
        ensure!(self.concurrency <= most, "--concurrency is more than --max-concurrency");
        Ok(Rules {
            name: name.to_owned(),
            first: self.concurrency,
            most,
            idle_ms: LOOK_MS,
            grace_ms: GRACE_MS,
            rates: Rates::default(),
            rates_by_model: ByModel::default(),
            timing: Timing::default(),
        })
    }
}
