//! Composes the operator's function and runs it.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use lambda_runtime::{LambdaEvent, service_fn};
use offpeak_aws::telemetry;
use offpeak_deployment::Deployment;
use offpeak_operator::handler::{self, Command};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the operator cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    telemetry::start()?;
    let deployment = Deployment::open().await.context("reading the deployment")?;
    let ports = deployment.ports(Arc::new(())).context("setting up the providers")?;
    let commands = service_fn(|event: LambdaEvent<Command>| {
        let (ports, store) = (&ports, &deployment.store);
        // The answer to a failure is its first sentence: it must say all.
        async move { handler::handle(ports, store, event.payload).await.map_err(|error| anyhow!("{error:#}")) }
    });
    lambda_runtime::run(commands).await.map_err(anyhow::Error::from_boxed)
}
