//! Composes the agent and runs it.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use offpeak_aws::{Connection, Machine, SystemClock, telemetry};
use offpeak_core::flows::work::Worker;
use offpeak_gpu_agent::handler;
use offpeak_gpu_agent::options::Options;
use offpeak_providers::desk::Desk;
use offpeak_providers::engine::{Config, Engine};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the agent cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> anyhow::Result<()> {
    telemetry::start()?;
    let connection = Connection::default();
    let machine = Machine::this(&connection, options.metadata.as_deref()).await.context("looking at the instance")?;
    let key = machine.secret(&options.key_parameter).await.context("reading the workers' key")?;
    let worker = Worker {
        desk: Arc::new(Desk::new(&options.gateway, Some(key)).context("--gateway")?),
        engine: Arc::new(Engine::new(&Config::new(&options.engine)).context("--engine")?),
        clock: Arc::new(SystemClock),
        rules: options.rules(machine.id())?,
    };
    let mut terminated = signal(SignalKind::terminate())?;
    let told = async move {
        terminated.recv().await;
    };
    handler::handle(&worker, &machine, options.idle_ms(), told).await
}
