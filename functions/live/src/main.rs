//! Composes the caller of live calls and runs it.

use std::process::ExitCode;

use anyhow::Context as _;
use lambda_runtime::{LambdaEvent, service_fn};
use offpeak_aws::telemetry;
use offpeak_deployment::Deployment;
use offpeak_live::handler;
use serde::de::IgnoredAny;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the caller of live calls cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    telemetry::start()?;
    let deployment = Deployment::open().await.context("reading the deployment")?;
    let workers = deployment.live_workers().context("setting up the providers")?;
    let ticks = service_fn(|event: LambdaEvent<IgnoredAny>| {
        let workers = &workers;
        async move { Ok::<_, anyhow::Error>(handler::handle(workers, event.context.deadline).await) }
    });
    lambda_runtime::run(ticks).await.map_err(anyhow::Error::from_boxed)
}
