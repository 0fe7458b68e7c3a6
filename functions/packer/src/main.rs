//! Composes the packer and runs it.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use lambda_runtime::{LambdaEvent, service_fn};
use offpeak_aws::telemetry;
use offpeak_deployment::Deployment;
use offpeak_packer::handler::{self, Tick};

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the packer cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    telemetry::start()?;
    let deployment = Deployment::open().await.context("reading the deployment")?;
    let ports = deployment.ports(Arc::new(())).context("setting up the providers")?;
    let ticks = service_fn(|event: LambdaEvent<Tick>| {
        let ports = &ports;
        async move {
            let packed = handler::handle(ports, &event.payload, event.context.deadline).await;
            packed.map_err(|error| anyhow!("{error:#}"))
        }
    });
    lambda_runtime::run(ticks).await.map_err(anyhow::Error::from_boxed)
}
