//! The composition that the local binary and the functions share: ports and front door from settings and stores.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use offpeak_api::{Abilities, Auth, BatchRules, Gateway, Relay, Rules, Waiters, Work, own_credential};
use offpeak_core::fleet;
use offpeak_core::flows::fleet::{Desk, Fleet, Stores as FleetStores};
use offpeak_core::flows::work::{self, Worker};
use offpeak_core::health::Health;
use offpeak_core::ids::CredentialId;
use offpeak_core::ports::{
    Backend, Batches, Chunks, Classes, Clock, Credentials, Deliver, Files, Intake, Jobs, Keys, Mailbox, Notices,
    Objects, Ports, Random, Receivers, Submissions, Uploads, Usage, Wake,
};
use offpeak_providers::live::Live;
use offpeak_providers::{openai, relay};
use offpeak_webhook as webhook;
use secrecy::SecretString;

use crate::bounds::by_model;
use crate::class::millis;
use crate::place::Span;
use crate::relay::UpstreamRelay;
use crate::{Config, Mode, Provider, Route, Target};

/// What a place keeps things in, and its time and chance.
#[derive(Clone)]
pub struct Stores {
    /// The rows of jobs.
    pub jobs: Arc<dyn Jobs>,
    /// The rows of submissions.
    pub submissions: Arc<dyn Submissions>,
    /// The rows of callers' files.
    pub files: Arc<dyn Files>,
    /// The rows of callers' uploads.
    pub uploads: Arc<dyn Uploads>,
    /// The rows of callers' batches.
    pub batches: Arc<dyn Batches>,
    /// The rows of tenants' receivers.
    pub receivers: Arc<dyn Receivers>,
    /// The outbox.
    pub notices: Arc<dyn Notices>,
    /// The rows of classes.
    pub classes: Arc<dyn Classes>,
    /// The intake queues.
    pub intake: Arc<dyn Intake>,
    /// The object store.
    pub objects: Arc<dyn Objects>,
    /// Inbox and outbox.
    pub mailbox: Arc<dyn Mailbox>,
    /// The keys towards providers.
    pub credentials: Arc<dyn Credentials>,
    /// The usage rows.
    pub usage: Arc<dyn Usage>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The rows of chunks, where there can be a fleet.
    pub chunks: Option<Arc<dyn Chunks>>,
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").finish_non_exhaustive()
    }
}

/// Who makes the live calls of a provider.
#[derive(Debug)]
pub struct LiveWorker {
    /// Where its work waits: whoever runs it alone takes over what a worker before it held.
    pub calls: Fleet,
    /// The worker.
    pub worker: Worker,
}

/// Calls at once at first.
const FIRST: u32 = 8;

/// Between two looks for live calls, milliseconds: the store is at hand.
const LIVE_IDLE_MS: u64 = 250;

/// Told to stop: how long live calls that run may go on, milliseconds. They are paid, so their answers are worth a wait.
const LIVE_GRACE_MS: u64 = 8_000;

fn fleet_stores(stores: &Stores) -> Result<FleetStores, ComposeError> {
    Ok(FleetStores {
        chunks: stores.chunks.clone().ok_or(ComposeError::NoFleet)?,
        submissions: Arc::clone(&stores.submissions),
        objects: Arc::clone(&stores.objects),
        clock: Arc::clone(&stores.clock),
    })
}

fn live_calls(provider: &Provider, stores: &Stores) -> Result<Fleet, ComposeError> {
    Ok(Fleet::live(fleet_stores(stores)?, provider.live.timing(), &provider.name))
}

fn live_worker(provider: &Provider, routes: &[Route], stores: &Stores) -> Result<LiveWorker, ComposeError> {
    let unusable = |source| ComposeError::Provider { name: provider.name.clone(), source };
    // In every mode that has live calls the key is there.
    let key = provider.key.clone().unwrap_or_default();
    let engine = Live::new(&provider.base_url, key).map_err(unusable)?;
    let calls = live_calls(provider, stores)?;
    let name = fleet::live(&provider.name);
    let rules = work::Rules {
        first: FIRST.min(provider.live.concurrency),
        most: provider.live.concurrency,
        rates: provider.live.rates,
        rates_by_model: by_model(routes, &name, |bounds| bounds.rates),
        idle_ms: LIVE_IDLE_MS,
        grace_ms: LIVE_GRACE_MS,
        timing: provider.live.timing(),
        name,
    };
    let clock = Arc::clone(&stores.clock);
    let worker = Worker { desk: Arc::new(calls.desk()), engine: Arc::new(engine), clock, rules };
    Ok(LiveWorker { calls, worker })
}

/// Why valid settings could not be composed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// A provider cannot be spoken to.
    #[error("setting up the provider {name}")]
    Provider {
        /// Its name.
        name: String,
        /// What is wrong.
        source: openai::ConfigError,
    },
    /// Calls that are no jobs cannot be relayed.
    #[error("setting up the relay")]
    Relay(#[from] relay::RelayError),
    /// Webhooks cannot be sent.
    #[error("setting up webhooks")]
    Webhooks(#[from] webhook::Unusable),
    /// Own model servers and live calls have no stores here.
    #[error("a route goes to own model servers or is live, and there is no place for their work")]
    NoFleet,
}

impl Config {
    /// The gateway's own keys towards providers, by the names under which flows open them.
    pub fn own_credentials(&self) -> BTreeMap<CredentialId, SecretString> {
        let own = |provider: &Provider| provider.key.clone().map(|key| (own_credential(&provider.name), key));
        // Own model servers are shown no key of the gateway's.
        let fleet = self.has_fleet().then(|| (own_credential(fleet::NAME), SecretString::default()));
        let live = |provider: &Provider| Some((own_credential(&fleet::live(&provider.name)), provider.key.clone()?));
        let live = self.live_providers().filter_map(live);
        self.providers.iter().filter_map(own).chain(fleet).chain(live).collect()
    }

    /// Everything that flows may touch: these stores, and the providers.
    ///
    /// # Errors
    /// [`ComposeError::Provider`].
    pub fn ports(&self, stores: Stores, wake: Arc<dyn Wake>) -> Result<Ports, ComposeError> {
        let mut backends: BTreeMap<String, Arc<dyn Backend>> = BTreeMap::new();
        for provider in &self.providers {
            let mut settings = openai::Config::new(&provider.base_url);
            settings.limits = provider.limits;
            settings.model_limits = by_model(&self.routes, &provider.name, |bounds| bounds.limits(provider.limits));
            let backend = openai::Backend::new(&settings)
                .map_err(|source| ComposeError::Provider { name: provider.name.clone(), source })?;
            backends.insert(provider.name.clone(), Arc::new(backend));
        }
        if let Some(fleet) = self.fleet(&stores)? {
            backends.insert(fleet::NAME.to_owned(), Arc::new(fleet));
        }
        for provider in self.live_providers() {
            backends.insert(fleet::live(&provider.name), Arc::new(live_calls(provider, &stores)?));
        }
        Ok(Ports {
            jobs: stores.jobs,
            submissions: stores.submissions,
            files: stores.files,
            uploads: stores.uploads,
            batches: stores.batches,
            classes: stores.classes,
            intake: stores.intake,
            objects: stores.objects,
            mailbox: stores.mailbox,
            backends,
            credentials: stores.credentials,
            usage: stores.usage,
            receivers: stores.receivers,
            notices: stores.notices,
            wake,
            clock: stores.clock,
            random: stores.random,
            settings: Arc::new(self.settings()),
            health: Health::default(),
        })
    }

    /// Own model servers, where a route goes there.
    ///
    /// # Errors
    /// [`ComposeError::NoFleet`].
    pub fn fleet(&self, stores: &Stores) -> Result<Option<Fleet>, ComposeError> {
        if !self.has_fleet() {
            return Ok(None);
        }
        Ok(Some(Fleet::new(fleet_stores(stores)?, self.fleet.timing)))
    }

    /// Who makes the live calls of each provider that has some: one worker, since its rates are one count.
    ///
    /// # Errors
    /// [`ComposeError::NoFleet`], [`ComposeError::Provider`].
    pub fn live_workers(&self, stores: &Stores) -> Result<Vec<LiveWorker>, ComposeError> {
        self.live_providers().map(|provider| live_worker(provider, &self.routes, stores)).collect()
    }

    /// The work of own model servers, for workers that show the key.
    pub fn work(&self, desk: Desk) -> Work {
        Work { desk: Arc::new(desk), key: self.fleet.worker_key.clone() }
    }

    /// The front door over those ports. `waiters` must be their `wake`.
    pub fn gateway(&self, ports: Ports, waiters: Arc<Waiters>, keys: Arc<dyn Keys>, abilities: Abilities) -> Gateway {
        let auth = match self.auth.mode {
            Mode::Keys => Auth::Keys,
            Mode::Passthrough => Auth::Passthrough,
            Mode::Open => Auth::Open,
        };
        Gateway::new(ports, waiters, (auth, keys), self.routes(), self.rules(), abilities)
    }

    /// What carries webhooks, where tenants are told by them.
    ///
    /// # Errors
    /// [`ComposeError::Webhooks`].
    pub fn deliver(&self) -> Result<Option<Arc<dyn Deliver>>, ComposeError> {
        if !self.webhooks.telling.webhooks {
            return Ok(None);
        }
        let config = webhook::Config { allow_private: self.webhooks.allow_private, ..webhook::Config::default() };
        Ok(Some(Arc::new(webhook::Client::new(&config)?)))
    }

    /// Where calls that are no jobs go: the provider of the first route that has one, whose key they carry.
    ///
    /// # Errors
    /// [`ComposeError::Relay`].
    pub fn relay(&self) -> Result<Option<Arc<dyn Relay>>, ComposeError> {
        let name = self.targets().find_map(Target::provider_name);
        let Some(name) = name else { return Ok(None) };
        let Some(provider) = self.providers.iter().find(|provider| provider.name == name) else {
            return Ok(None);
        };
        let upstream = relay::Upstream::new(&relay::Config::new(&provider.base_url))?;
        Ok(Some(Arc::new(UpstreamRelay(upstream))))
    }

    pub(crate) fn rules(&self) -> Rules {
        let span = Span::of(self.place, self.front_door);
        Rules {
            hold_ms: millis(self.waiting.hold),
            not_ready_status: self.waiting.not_ready_status,
            retry_after_s: self.waiting.retry_after.as_secs(),
            redirect: self.waiting.redirect,
            max_body_bytes: self.server.max_body_bytes,
            max_file_bytes: self.server.max_file_bytes,
            batches: BatchRules { input: self.batches.input, any_window: self.batches.any_window },
            deadline_ms: millis(self.limits.deadline),
            relay_allow: self.auth.relay_allow.clone(),
            look_ms: span.look_ms,
            stream_hold_ms: span.stream_hold_ms,
            response_bytes: span.response_bytes,
            relay_bytes: span.relay_bytes,
            relay_ms: span.relay_ms,
        }
    }
}
