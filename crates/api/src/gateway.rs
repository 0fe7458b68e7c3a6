//! What every handler shares.

use std::fmt;
use std::sync::Arc;

use offpeak_core::batch::InputRule;
use offpeak_core::ports::{Deliver, JobIndex, JobWalk, Keys, Paged, Ports, Share};
use offpeak_core::route::Routes;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use crate::caller::Auth;
use crate::relay::Relay;
use crate::stats::Stats;
use crate::waiters::Waiters;

/// Accepts under way at once: enough to fill the largest group commit, few enough to bound memory.
const ACCEPTING: usize = 512;

/// Bodies being read at once, KiB.
const BUFFERED_KIB: usize = 512 << 10;

/// The front door over its ports.
pub struct Gateway {
    pub(crate) ports: Ports,
    pub(crate) waiters: Arc<Waiters>,
    pub(crate) auth: Auth,
    pub(crate) routes: Routes,
    pub(crate) rules: Rules,
    pub(crate) abilities: Abilities,
    pub(crate) keys: crate::caller::KeyRing,
    pub(crate) stats: Stats,
    /// Accepts that may be under way at once.
    pub(crate) accepting: Semaphore,
    /// KiB of bodies that may be read at once; the largest body always fits.
    pub(crate) buffering: Semaphore,
}

/// How long callers wait and what they may send.
#[derive(Debug, Clone)]
pub struct Rules {
    /// A call is held open so long, milliseconds.
    pub hold_ms: u64,
    /// The status of "not ready": 503, or 422 for callers that poll by repeating themselves.
    pub not_ready_status: u16,
    /// What `Retry-After` says, seconds, 1 to 60.
    pub retry_after_s: u64,
    /// Whether a held call is answered 303 to its result, in legs of at most 28 s.
    pub redirect: bool,
    /// The largest body, bytes: of a call that carries no file.
    pub max_body_bytes: usize,
    /// The largest file that one call may carry, bytes.
    pub max_file_bytes: u64,
    /// How batches are taken.
    pub batches: BatchRules,
    /// The deadline of a job that does not say, milliseconds from its acceptance.
    pub deadline_ms: u64,
    /// Path prefixes that are relayed in `keys` mode.
    pub relay_allow: Vec<String>,
    /// How often a held call looks at its row, milliseconds: a wake may be missed.
    pub look_ms: u64,
    /// How long a stream is kept open for its answer, milliseconds; `None`: as long as it takes; 0: not at all, and
    /// `stream: true` is held and answered like any other call.
    pub stream_hold_ms: Option<u64>,
    /// The largest answer to a job, bytes, where something before this gateway would cut a larger one.
    pub response_bytes: Option<u64>,
    /// The largest answer to a relayed call, bytes.
    pub relay_bytes: Option<u64>,
    /// For the answer to a relayed call, milliseconds: all of it where `relay_bytes` is set, its head otherwise.
    pub relay_ms: Option<u64>,
}

/// How batches are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchRules {
    /// Whether mixed models and large inputs are split, or refused as at OpenAI.
    pub input: InputRule,
    /// Whether a completion window may be another than `24h`.
    pub any_window: bool,
}

/// What some stores can and others cannot.
#[derive(Clone)]
pub struct Abilities {
    /// Listing a tenant's jobs.
    pub index: Option<Arc<dyn JobIndex>>,
    /// Counting all jobs.
    pub walk: Option<Arc<dyn JobWalk>>,
    /// Relaying calls that are no jobs.
    pub relay: Option<Arc<dyn Relay>>,
    /// Giving files, and answers larger than a response may be, by a URL.
    pub share: Option<Arc<dyn Share>>,
    /// Telling tenants' receivers.
    pub deliver: Option<Arc<dyn Deliver>>,
    /// Giving work to own model servers.
    pub work: Option<Work>,
}

/// The work of own model servers.
#[derive(Clone)]
pub struct Work {
    /// Where it is given out.
    pub desk: Arc<dyn Paged>,
    /// What workers show: they see what every tenant sent. Without one only [`Auth::Open`] lets them in.
    pub key: Option<SecretString>,
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

impl fmt::Debug for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Abilities").finish_non_exhaustive()
    }
}

impl Gateway {
    /// A front door. `waiters` must be the ports' `wake`.
    pub fn new(
        ports: Ports,
        waiters: Arc<Waiters>,
        (auth, keys): (Auth, Arc<dyn Keys>),
        routes: Routes,
        rules: Rules,
        abilities: Abilities,
    ) -> Self {
        let keys = crate::caller::KeyRing::new(keys);
        let buffered = BUFFERED_KIB.max(rules.max_body_bytes.div_ceil(1_024)).min(Semaphore::MAX_PERMITS);
        Self {
            ports,
            waiters,
            auth,
            routes,
            rules,
            abilities,
            keys,
            stats: Stats::default(),
            accepting: Semaphore::new(ACCEPTING),
            buffering: Semaphore::new(buffered),
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("auth", &self.auth).field("rules", &self.rules).finish_non_exhaustive()
    }
}
