//! Composes the scaler and runs it.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use lambda_runtime::{LambdaEvent, service_fn};
use offpeak_aws::{Connection, Pool, telemetry};
use offpeak_scaler::handler;
use serde::de::IgnoredAny;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the scaler cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    telemetry::start()?;
    let pool = Pool::from_environment().context("reading the environment")?;
    let scaler = pool.scaler(&Connection::from_environment()?).await;
    let ticks = service_fn(|_: LambdaEvent<IgnoredAny>| {
        let scaler = &scaler;
        async move { handler::handle(scaler).await.map_err(|error| anyhow!("{error:#}")) }
    });
    lambda_runtime::run(ticks).await.map_err(anyhow::Error::from_boxed)
}
