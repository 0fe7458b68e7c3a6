//! `offpeak demo`: the whole job on a simulated provider, on loopback, without a key or an account.

mod client;
mod table;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use offpeak_config::{Config, SOON};
use offpeak_core::class::Rule;
use offpeak_simulator::{Faults, Options as SimulatorOptions, Simulator};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::{output, serve};
use client::Tally;

/// What `offpeak demo` does.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many requests to send, each with a question of its own.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    requests: u32,
    /// The seed of the simulated provider.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the demo; the exit code says whether every answer was right.
///
/// # Errors
/// What kept it from running.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    serve::runtime()?.block_on(show(options))
}

/// Faults that a night at a real provider may bring, all in one minute.
fn faults() -> Faults {
    Faults {
        line_429_rate: 0.02,
        line_repeat_rate: 0.01,
        shuffle: true,
        expire_batches: 1,
        create_cut_after: 1,
        download_truncate: 1,
        poll_fail_rate: 0.1,
        ..Faults::default()
    }
}

async fn show(options: &Options) -> anyhow::Result<ExitCode> {
    serve::raise_descriptor_limit();
    let data = Temporary::new()?;
    let simulator = Arc::new(Simulator::new(SimulatorOptions {
        seed: options.seed,
        faults: faults(),
        batch_delay_ms: 2_000,
        ..SimulatorOptions::default()
    }));
    let upstream = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening on loopback")?;
    let front = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening on loopback")?;
    let config = config(&data.0, &format!("http://{}/v1", upstream.local_addr()?))?;
    let address = front.local_addr()?;
    output::line(format_args!(
        "A simulated provider, and Offpeak in front of it on http://{address}/v1. {} chat requests are sent and held;\n\
         the first batch will expire half done, the reply to one create is lost, one download is cut, 2 % of the lines\n\
         fail with 429, 1 % come twice, and one poll in ten fails.",
        options.requests
    ))?;
    let (stop_upstream, upstream_stopped) = oneshot::channel::<()>();
    let (stop_front, front_stopped) = oneshot::channel::<()>();
    let resolved = |stop: oneshot::Receiver<()>| async move {
        // A dropped sender stops as well.
        let _ = stop.await;
    };
    let provider = tokio::spawn(offpeak_simulator::serve(upstream, Arc::clone(&simulator), resolved(upstream_stopped)));
    let gateway = tokio::spawn(serve::run_on(front, config, resolved(front_stopped)));
    let bar = bar(options.requests)?;
    let began = Instant::now();
    let tally = client::run(address, options.requests, &bar).await;
    bar.finish_and_clear();
    let took = began.elapsed();
    drop(stop_front);
    gateway.await.context("the gateway ended abnormally")??;
    drop(stop_upstream);
    provider.await.context("the provider ended abnormally")??;
    let counts = simulator.counts();
    output::line(table::of(&tally, took, &counts))?;
    Ok(if tally.all_right(options.requests) && counts.paid_twice == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn config(data: &std::path::Path, upstream: &str) -> anyhow::Result<Config> {
    let mut config = Config::default();
    data.clone_into(&mut config.server.data_dir);
    config.classes.insert(SOON.to_owned(), Rule::Window { window_ms: 1_000, max_jobs: None });
    let provider = config.providers.first_mut().context("no provider")?;
    upstream.clone_into(&mut provider.base_url);
    provider.key = Some(SecretString::from("sk-demo"));
    provider.poll_interval = Duration::from_millis(500);
    provider.create_timeout = Duration::from_secs(3);
    provider.create_grace = Duration::from_secs(3);
    Ok(config)
}

fn bar(requests: u32) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} answered, {elapsed}, {msg}")
        .context("the progress bar's template")?;
    Ok(ProgressBar::new(u64::from(requests)).with_style(style))
}

/// A directory that goes when the demo goes.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> anyhow::Result<Self> {
        let name = format!("offpeak-demo-{}-{:08x}", std::process::id(), rand::random::<u32>());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed is the temporary directory's to clean up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Tally {
    fn all_right(&self, requests: u32) -> bool {
        self.right == u64::from(requests) && self.wrong == 0
    }
}
