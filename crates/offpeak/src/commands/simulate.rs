//! `offpeak simulate`: a provider in memory that can be told to fail, for tests, demos and rehearsals.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use offpeak_simulator::{Faults, Simulator};
use serde_json::{Map, Value};
use tokio::net::TcpListener;

use crate::output;
use crate::serve::{raise_descriptor_limit, runtime, stop_signal};

/// How the provider behaves.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where it listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Seed of every id and every draw
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Faults as a JSON object, such as `{"line_fail_rate":0.1,"create_500_after":1}`
    #[arg(long, value_name = "JSON", value_parser = object)]
    faults: Option<Map<String, Value>>,
    /// One fault, such as `line_fail_rate=0.1`; may be repeated, and goes over `--faults`
    #[arg(long = "fault", value_name = "NAME=VALUE", value_parser = fault)]
    fault: Vec<(String, Value)>,
    /// Time from a batch's creation to its completion
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = humantime::parse_duration)]
    delay: Duration,
}

/// Serves until SIGINT or SIGTERM; the first line of standard output tells the address.
///
/// # Errors
/// A fault is unknown, the address is taken, or standard output is closed.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let faults = faults(options)?;
    let batch_delay_ms = u64::try_from(options.delay.as_millis()).context("--delay is too long")?;
    let settings = offpeak_simulator::Options { seed: options.seed, faults, batch_delay_ms, ..Default::default() };
    raise_descriptor_limit();
    runtime()?.block_on(async {
        let stop = stop_signal()?;
        let listener = TcpListener::bind(options.listen).await;
        let listener = listener.with_context(|| format!("could not listen on {}", options.listen))?;
        output::line(format_args!("listening on http://{}", listener.local_addr()?))?;
        offpeak_simulator::serve(listener, Arc::new(Simulator::new(settings)), stop)
            .await
            .context("the simulator stopped")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn faults(options: &Options) -> anyhow::Result<Faults> {
    let mut chosen = options.faults.clone().unwrap_or_default();
    chosen.extend(options.fault.iter().cloned());
    serde_json::from_value(Value::Object(chosen)).map_err(|error| anyhow!("--fault or --faults: {error}"))
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))
}

fn fault(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let value = serde_json::from_str(value).map_err(|_| "the value is a number, true or false")?;
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_fault_goes_over_the_object() {
        let options = Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 0,
            faults: Some(object(r#"{"slow_ms": 5, "fail_batches": 1}"#).unwrap()),
            fault: vec![fault("slow_ms=7").unwrap()],
            delay: Duration::ZERO,
        };
        let faults = faults(&options).unwrap();
        assert_eq!((faults.slow_ms, faults.fail_batches), (7, 1));
    }
}
