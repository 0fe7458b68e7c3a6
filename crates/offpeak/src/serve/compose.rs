//! The local composition: embedded stores, providers, and the front door over them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use offpeak_api::{Abilities, Auth, Gateway, Pattern, Route, Routes, Rules, Waiters, own_credential};
use offpeak_core::flows::sweep;
use offpeak_core::ports::{Backend, Clock, Ports, Settings};
use offpeak_embedded::{Options, Store, SystemClock, SystemRandom};
use offpeak_providers::{openai, relay};

use super::relay::UpstreamRelay;
use crate::config::{Config, Mode, Provider};

/// Everything that runs.
pub(super) struct Composed {
    pub(super) ports: Ports,
    pub(super) store: Store,
    pub(super) gateway: Gateway,
    pub(super) waiters: Arc<Waiters>,
}

pub(super) async fn compose(config: &Config) -> anyhow::Result<Composed> {
    let keys = config
        .providers
        .iter()
        .filter_map(|provider| provider.key.clone().map(|key| (own_credential(&provider.name), key)));
    let options = Options { credentials: keys.collect(), ..Options::default() };
    let dir = config.server.data_dir.clone();
    let store = tokio::task::spawn_blocking(move || Store::open(&dir, &options))
        .await
        .context("opening the data directory")??;
    let waiters = Arc::new(Waiters::default());
    let ports = ports(config, &store, &waiters)?;
    // The directory's lock is held, so whoever filled a submission before is gone.
    sweep::take_over(&ports).await.context("taking over from the process before")?;
    let gateway = gateway(config, &store, ports.clone(), Arc::clone(&waiters))?;
    Ok(Composed { ports, store, gateway, waiters })
}

fn ports(config: &Config, store: &Store, waiters: &Arc<Waiters>) -> anyhow::Result<Ports> {
    let mut backends: BTreeMap<String, Arc<dyn Backend>> = BTreeMap::new();
    let mut provider_timing = BTreeMap::new();
    for provider in &config.providers {
        let mut settings = openai::Config::new(&provider.base_url);
        settings.limits = provider.limits;
        let backend = openai::Backend::new(&settings).with_context(|| format!("provider {}", provider.name))?;
        backends.insert(provider.name.clone(), Arc::new(backend));
        provider_timing.insert(provider.name.clone(), config.timing_of(provider));
    }
    let settings = Settings { timing: config.timing(), provider_timing, classes: config.classes.clone() };
    Ok(Ports {
        jobs: store.jobs(),
        submissions: store.submissions(),
        classes: store.classes(),
        intake: store.intake(),
        objects: store.objects(),
        backends,
        credentials: store.credentials(),
        usage: store.usage(),
        wake: Arc::<Waiters>::clone(waiters),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        settings: Arc::new(settings),
    })
}

fn gateway(config: &Config, store: &Store, ports: Ports, waiters: Arc<Waiters>) -> anyhow::Result<Gateway> {
    let relayed = relay::Config::new(&relayed_to(config)?.base_url);
    let upstream = relay::Upstream::new(&relayed).context("setting up the relay")?;
    let auth = match config.auth.mode {
        Mode::Keys => Auth::Keys,
        Mode::Passthrough => Auth::Passthrough,
        Mode::Open => Auth::Open,
    };
    let routes = config.routes.iter().map(|route| Route {
        model: Pattern::new(&route.model),
        provider: route.provider.clone(),
        upstream_model: route.upstream_model.clone(),
        class: route.class.clone(),
        deadline_ms: route.deadline.map(millis),
    });
    let rules = Rules {
        hold_ms: millis(config.waiting.hold),
        not_ready_status: config.waiting.not_ready_status,
        retry_after_s: config.waiting.retry_after.as_secs(),
        redirect: config.waiting.redirect,
        max_body_bytes: config.server.max_body_bytes,
        deadline_ms: millis(config.limits.deadline),
        relay_allow: config.auth.relay_allow.clone(),
    };
    let abilities = Abilities {
        index: Some(store.jobs()),
        sweep: Some(store.jobs()),
        relay: Some(Arc::new(UpstreamRelay(upstream))),
    };
    Ok(Gateway::new(ports, waiters, (auth, store.keys()), Routes(routes.collect()), rules, abilities))
}

/// Where calls that are no jobs go: the provider of the first route, whose key they carry.
fn relayed_to(config: &Config) -> anyhow::Result<&Provider> {
    let name = config.routes.first().map(|route| route.provider.as_str());
    let named = config.providers.iter().find(|provider| name.is_none_or(|name| name == provider.name));
    named.context("the first route has no provider")
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Unix milliseconds by the ports' clock.
pub(super) fn now_ms(ports: &Ports) -> u64 {
    let clock: &dyn Clock = ports.clock.as_ref();
    clock.now_ms()
}
