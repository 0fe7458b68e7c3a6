//! How each function starts: what the stack made, what its parameters say, and the ports on both.
//!
//! Everything is read and checked before the first event; what is missing or odd is an error that names its parameter.

use std::sync::Arc;

use offpeak_aws::{
    Clients, Connection, Options, ParameterError, Parameters, ResourceError, Resources, Store, SystemClock,
    SystemRandom,
};
use offpeak_config::{ComposeError, Config, Flags, Mode, Refused, Stores};
use offpeak_core::flows::fleet::Desk;
use offpeak_core::flows::notices::Delivering;
use offpeak_core::flows::work::Worker;
use offpeak_core::ports::{Chunks, Events, Ports, Wake};

/// A stack as a function finds it.
#[derive(Debug)]
pub struct Deployment {
    /// The effective settings.
    pub config: Config,
    /// The ports on what the stack made.
    pub store: Store,
    /// Whether the stack has the index of jobs by tenant.
    pub job_index: bool,
}

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The environment does not name what the stack made.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// The stack's parameters cannot be read.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] Refused),
    /// Receivers' secrets would be kept, and nothing seals them.
    #[error("webhooks are on, and the stack has no key to seal with: deploy it with the parameter Webhooks=true")]
    UnsealedWebhooks,
    /// What goes to own model servers would wait for its deadline.
    #[error("a route goes to own model servers, and the stack has none: deploy it with the parameter Fleet=workers")]
    NoFleet,
    /// What is to be called live would wait for its deadline.
    #[error("a route is live, and nothing in the stack makes live calls: deploy it with the parameter Live=true")]
    NoLive,
    /// Callers' keys would be kept, and nothing seals them.
    #[error(
        "auth is passthrough, and the stack has no key to seal with: deploy it with the parameter Auth=passthrough"
    )]
    Unsealed,
}

impl Deployment {
    /// Reads the environment and the stack's parameters: one call.
    ///
    /// # Errors
    /// [`OpenError`] names the variable or the parameter.
    pub async fn open() -> Result<Self, OpenError> {
        let resources = Resources::from_environment()?;
        let clients = Clients::connect(&Connection::from_environment()?).await;
        let Parameters { config, keys } = Parameters::load(&clients, &resources.parameters).await?;
        let classes: Vec<&str> = resources.queues.keys().map(String::as_str).collect();
        let flags = Flags::from_environment();
        let config = Config::of_deployment(config.as_deref(), &flags, &keys, &classes, &resources.parameters)?;
        if config.auth.mode == Mode::Passthrough && resources.sealing_key.is_none() {
            return Err(OpenError::Unsealed);
        }
        if config.webhooks.telling.webhooks && resources.sealing_key.is_none() {
            return Err(OpenError::UnsealedWebhooks);
        }
        if config.has_fleet() && !resources.fleet {
            return Err(OpenError::NoFleet);
        }
        if config.live_providers().next().is_some() && !resources.live {
            return Err(OpenError::NoLive);
        }
        let options = Options { own: config.own_credentials(), retention_ms: config.retention_ms() };
        let job_index = resources.job_index;
        Ok(Self { store: Store::new(clients, resources, options), config, job_index })
    }

    /// The ways out to whoever is told of what ends.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn delivering(&self) -> Result<Delivering, ComposeError> {
        let bus = self.store.events().map(|bus| bus as Arc<dyn Events>);
        Ok(Delivering { webhooks: self.config.deliver()?, bus })
    }

    /// Everything that flows may touch.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn ports(&self, wake: Arc<dyn Wake>) -> Result<Ports, ComposeError> {
        self.config.ports(self.stores(), wake)
    }

    /// Where own model servers get their work, if a route goes there.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn desk(&self) -> Result<Option<Desk>, ComposeError> {
        Ok(self.config.fleet(&self.stores())?.map(|fleet| fleet.desk()))
    }

    /// Who makes the live calls of each provider that has some.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn live_workers(&self) -> Result<Vec<Worker>, ComposeError> {
        Ok(self.config.live_workers(&self.stores())?.into_iter().map(|live| live.worker).collect())
    }

    fn stores(&self) -> Stores {
        let store = &self.store;
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
            chunks: store.chunks().map(|chunks| chunks as Arc<dyn Chunks>),
        }
    }
}
