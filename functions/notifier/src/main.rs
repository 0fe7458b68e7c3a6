//! Composes the notifier and runs it.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use lambda_runtime::{LambdaEvent, service_fn};
use offpeak_aws::telemetry;
use offpeak_deployment::Deployment;
use offpeak_notifier::handler;
use serde::de::IgnoredAny;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the notifier cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    telemetry::start()?;
    let deployment = Deployment::open().await.context("reading the deployment")?;
    let ports = deployment.ports(Arc::new(())).context("setting up the providers")?;
    let ways = deployment.delivering().context("setting up the ways out")?;
    let ticks = service_fn(|event: LambdaEvent<IgnoredAny>| {
        let (ports, ways) = (&ports, &ways);
        async move { handler::handle(ports, ways, event.context.deadline).await.map_err(|error| anyhow!("{error:#}")) }
    });
    lambda_runtime::run(ticks).await.map_err(anyhow::Error::from_boxed)
}
