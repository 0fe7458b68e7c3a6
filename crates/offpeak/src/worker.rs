//! `offpeak worker`: takes work from a gateway, has a model server beside it do it, and brings the answers.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use offpeak_config::environment::secret;
use offpeak_core::fleet::{Rates, Timing};
use offpeak_core::flows::work::{Done, Rules, Worker, work};
use offpeak_core::ports;
use offpeak_core::route::ByModel;
use offpeak_embedded::SystemClock;
use offpeak_providers::desk::Desk;
use offpeak_providers::engine::{Config, Engine};
use tokio::sync::watch;

use crate::engine::{Keeper, owned};
use crate::output;
use crate::serve::{raise_descriptor_limit, runtime, stop_signal};

/// The variable that holds the workers' key.
pub(crate) const KEY: &str = "OFFPEAK_WORKER_KEY";

/// Between two looks for work.
const IDLE: Duration = Duration::from_secs(1);

/// What works for whom.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// URL of the model server, which speaks OpenAI's API
    #[arg(long, value_name = "URL")]
    engine: String,
    /// URL of the Offpeak that has the work; the workers' key is read from `OFFPEAK_WORKER_KEY`
    #[arg(
        long,
        env = "OFFPEAK_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        hide_env_values = true
    )]
    gateway: String,
    /// The environment variable that holds the model server's key, if it wants one
    #[arg(long, value_name = "NAME")]
    engine_key_env: Option<String>,
    /// Requests at once at first, such as the server's own limit (vLLM: --max-num-seqs)
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    concurrency: u32,
    /// Requests at once at most; up to it the worker tries more, and takes fewer where they are too many
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    max_concurrency: u32,
    /// For one request
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = humantime::parse_duration)]
    request_timeout: Duration,
    /// Told to stop: how long requests that run may go on
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = humantime::parse_duration)]
    grace: Duration,
    /// Its name, for operators [default: host and process id]
    #[arg(long, value_name = "NAME", value_parser = offpeak_config::name)]
    name: Option<String>,
    /// Starts the model server: it is started again when it ends or hangs, and ended with the worker
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Works until SIGINT or SIGTERM.
///
/// # Errors
/// An address is none, or a key is missing.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let (worker, keeper) = worker(options)?;
    raise_descriptor_limit();
    let done = runtime()?.block_on(async {
        let stop = stop_signal()?;
        let (stopping, stopped) = watch::channel(false);
        let (leaving, left) = watch::channel(false);
        let working = async {
            let done = work(&worker, stopped).await;
            leaving.send_replace(true);
            done
        };
        let kept = async {
            let Some(keeper) = keeper else { return Ok(()) };
            // Without an engine there is nothing to do.
            let kept = keeper.run(left).await;
            if kept.is_err() {
                stopping.send_replace(true);
            }
            kept
        };
        let both = async { tokio::join!(working, kept) };
        tokio::pin!(both, stop);
        let (done, kept) = tokio::select! {
            both = &mut both => both,
            () = &mut stop => {
                tracing::info!("stopping");
                stopping.send_replace(true);
                both.await
            }
        };
        kept.map(|()| done)
    })?;
    let Done { lines, failed, chunks, deaths } = done;
    output::remark(format_args!(
        "{lines} requests answered, {failed} of them not with success, {chunks} chunks, {deaths} engine deaths"
    ));
    Ok(ExitCode::SUCCESS)
}

fn worker(options: &Options) -> anyhow::Result<(Worker, Option<Keeper>)> {
    let key = match &options.engine_key_env {
        Some(name) => Some(secret(name).with_context(|| format!("--engine-key-env: the variable {name} is not set"))?),
        None => None,
    };
    let engine = Config { key, ..Config::new(&options.engine) };
    let engine = Engine::new(&engine).context("--engine")?;
    let desk = Desk::new(&options.gateway, secret(KEY)).context("--gateway")?;
    ensure!(options.concurrency <= options.max_concurrency, "--concurrency is more than --max-concurrency");
    let timing = Timing { call_ms: millis(options.request_timeout), ..Timing::default() };
    let rules = Rules {
        name: options.name.clone().unwrap_or_else(own_name),
        first: options.concurrency,
        most: options.max_concurrency,
        rates: Rates::default(),
        rates_by_model: ByModel::default(),
        idle_ms: millis(IDLE),
        grace_ms: millis(options.grace),
        timing,
    };
    let (engine, keeper): (Arc<dyn ports::Engine>, _) = if options.command.is_empty() {
        (Arc::new(engine), None)
    } else {
        let (engine, keeper) = owned(engine, options.command.clone());
        (Arc::new(engine), Some(keeper))
    };
    Ok((Worker { desk: Arc::new(desk), engine, clock: Arc::new(SystemClock), rules }, keeper))
}

fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(char::is_ascii_graphic).take(100).collect();
    format!("{}-{}", if host.is_empty() { "worker" } else { &host }, std::process::id())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
