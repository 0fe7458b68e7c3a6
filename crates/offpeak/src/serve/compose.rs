//! The local composition: embedded stores, providers, and the front door over them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use offpeak_api::{Abilities, Gateway, Waiters};
use offpeak_config::{Config, LiveWorker, Stores};
use offpeak_core::flows::sweep;
use offpeak_core::ports::{Clock, Deliver, Ports, Wake};
use offpeak_embedded::{Options, Store, SystemClock, SystemRandom};

/// Everything that runs.
pub(super) struct Composed {
    pub(super) ports: Ports,
    pub(super) store: Store,
    pub(super) gateway: Gateway,
    pub(super) waiters: Arc<Waiters>,
    pub(super) deliver: Option<Arc<dyn Deliver>>,
    /// Who makes live calls.
    pub(super) live: Vec<LiveWorker>,
}

pub(super) async fn compose(config: &Config) -> anyhow::Result<Composed> {
    let options = Options {
        credentials: config.own_credentials(),
        inbox: config.nightly.inbox_dir.clone(),
        outbox: config.nightly.outbox_dir.clone(),
        ..Options::default()
    };
    let dir = config.server.data_dir.clone();
    let store = tokio::task::spawn_blocking(move || Store::open(&dir, &options))
        .await
        .context("opening the data directory")??;
    if config.nightly.is_on() {
        let mailbox = store.mailbox();
        let prepared = tokio::task::spawn_blocking(move || mailbox.prepare()).await;
        prepared.context("preparing inbox and outbox")??;
    }
    let waiters = Arc::new(Waiters::default());
    let wake: Arc<dyn Wake> = Arc::<Waiters>::clone(&waiters);
    let stores = stores(&store);
    let work = config.fleet(&stores)?.map(|fleet| config.work(fleet.desk()));
    let live = config.live_workers(&stores)?;
    let ports = config.ports(stores, wake)?;
    // The directory's lock is held, so whoever filled a submission before is gone.
    sweep::take_over(&ports).await.context("taking over from the process before")?;
    for LiveWorker { calls, .. } in &live {
        calls.take_over().await.context("taking over live calls from the process before")?;
    }
    let deliver = config.deliver()?;
    let abilities = Abilities {
        index: Some(store.jobs()),
        walk: Some(store.jobs()),
        relay: config.relay()?,
        share: None,
        deliver: deliver.clone(),
        work,
    };
    let gateway = config.gateway(ports.clone(), Arc::clone(&waiters), store.keys(), abilities);
    Ok(Composed { ports, store, gateway, waiters, deliver, live })
}

fn stores(store: &Store) -> Stores {
    Stores {
        jobs: store.jobs(),
        submissions: store.submissions(),
        files: store.files(),
        uploads: store.uploads(),
        batches: store.batches(),
        receivers: store.receivers(),
        notices: store.notices(),
        classes: store.classes(),
        intake: store.intake(),
        objects: store.objects(),
        mailbox: store.mailbox(),
        credentials: store.credentials(),
        usage: store.usage(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        chunks: Some(store.chunks()),
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Unix milliseconds by the ports' clock.
pub(super) fn now_ms(ports: &Ports) -> u64 {
    let clock: &dyn Clock = ports.clock.as_ref();
    clock.now_ms()
}
