//! Composes the front door and runs it.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use offpeak_api::{Abilities, Waiters, router};
use offpeak_aws::telemetry;
use offpeak_core::ports::{JobIndex, Wake};
use offpeak_deployment::Deployment;
use offpeak_front_door::handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the front door cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    telemetry::start()?;
    let deployment = Deployment::open().await.context("reading the deployment")?;
    let waiters = Arc::new(Waiters::default());
    let wake: Arc<dyn Wake> = Arc::<Waiters>::clone(&waiters);
    let ports = deployment.ports(wake).context("setting up the providers")?;
    let desk = deployment.desk().context("setting up the fleet")?;
    let Deployment { config, store, job_index } = deployment;
    let abilities = Abilities {
        index: job_index.then(|| -> Arc<dyn JobIndex> { store.jobs() }),
        walk: None,
        relay: config.relay().context("setting up the relay")?,
        share: Some(store.objects()),
        deliver: config.deliver().context("setting up webhooks")?,
        work: desk.map(|desk| config.work(desk)),
    };
    let gateway = config.gateway(ports, waiters, store.keys(), abilities);
    handler::serve(router(Arc::new(gateway)), config.front_door).await
}
