//! The ports in memory: clones share their state, and equal inputs give equal outcomes.
//!
//! They pass the suites of [`crate::conformance`], and they are where the faults that a store can have are planted.

mod batches;
mod capacity;
mod carrier;
mod chunks;
mod classes;
mod clock;
mod credentials;
mod files;
mod intake;
mod jobs;
mod keys;
mod mailbox;
mod notices;
mod objects;
mod random;
mod receivers;
mod share;
mod submissions;
mod uploads;
mod usage;
mod wake;

use std::collections::BTreeMap;
use std::sync::Arc;

use offpeak_core::flows::sweep_native;
use offpeak_core::health::Health;
use offpeak_core::ports::{Backend, Ports, Settings};

pub use batches::Batches;
pub use capacity::Capacity;
pub use carrier::{Carrier, Sent};
pub use chunks::Chunks;
pub use classes::Classes;
pub use clock::TokioClock;
pub use credentials::Credentials;
pub use files::Files;
pub use intake::Intake;
pub use jobs::Jobs;
pub use keys::Keys;
pub use mailbox::Mailbox;
pub use notices::Notices;
pub use objects::Objects;
pub use random::Random;
pub use receivers::Receivers;
pub use submissions::Submissions;
pub use uploads::Uploads;
pub use usage::Usage;
pub use wake::Wake;

/// One of each, made for each other.
#[derive(Debug, Clone)]
pub struct Fakes {
    /// The rows of jobs.
    pub jobs: Jobs,
    /// The rows of submissions.
    pub submissions: Submissions,
    /// The rows of callers' files.
    pub files: Files,
    /// The rows of callers' uploads.
    pub uploads: Uploads,
    /// The rows of callers' batches.
    pub batches: Batches,
    /// The rows of chunks.
    pub chunks: Chunks,
    /// The rows of classes.
    pub classes: Classes,
    /// The intake queues.
    pub intake: Intake,
    /// The object store.
    pub objects: Objects,
    /// Inbox and outbox.
    pub mailbox: Mailbox,
    /// The usage rows.
    pub usage: Usage,
    /// The keys towards providers.
    pub credentials: Credentials,
    /// The keys of callers.
    pub keys: Keys,
    /// The rows of tenants' receivers.
    pub receivers: Receivers,
    /// The outbox.
    pub notices: Notices,
    /// Who was woken.
    pub wake: Wake,
    /// Time, by which queues hide and objects are dated.
    pub clock: TokioClock,
    /// Randomness.
    pub random: Random,
}

impl Fakes {
    /// Empty stores that live by `clock`.
    pub fn new(clock: &TokioClock, seed: u64) -> Self {
        Self {
            jobs: Jobs::default(),
            submissions: Submissions::default(),
            files: Files::default(),
            uploads: Uploads::default(),
            batches: Batches::default(),
            chunks: Chunks::default(),
            classes: Classes::default(),
            intake: Intake::new(Arc::new(clock.clone())),
            objects: Objects::new(Arc::new(clock.clone())),
            mailbox: Mailbox::default(),
            usage: Usage::default(),
            credentials: Credentials::default(),
            keys: Keys::default(),
            receivers: Receivers::default(),
            notices: Notices::default(),
            wake: Wake::default(),
            clock: clock.clone(),
            random: Random::seeded(seed),
        }
    }

    /// The rows that a sweep of what callers stored goes through.
    pub fn swept(&self) -> sweep_native::Rows<'_> {
        let Self { files, uploads, batches, notices, .. } = self;
        sweep_native::Rows { files, uploads, batches, notices }
    }

    /// Everything that a flow may touch, over these stores.
    pub fn ports(&self, backends: BTreeMap<String, Arc<dyn Backend>>, settings: Settings) -> Ports {
        Ports {
            jobs: Arc::new(self.jobs.clone()),
            submissions: Arc::new(self.submissions.clone()),
            files: Arc::new(self.files.clone()),
            uploads: Arc::new(self.uploads.clone()),
            batches: Arc::new(self.batches.clone()),
            classes: Arc::new(self.classes.clone()),
            intake: Arc::new(self.intake.clone()),
            objects: Arc::new(self.objects.clone()),
            mailbox: Arc::new(self.mailbox.clone()),
            backends,
            credentials: Arc::new(self.credentials.clone()),
            usage: Arc::new(self.usage.clone()),
            receivers: Arc::new(self.receivers.clone()),
            notices: Arc::new(self.notices.clone()),
            wake: Arc::new(self.wake.clone()),
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(self.random.clone()),
            settings: Arc::new(settings),
            health: Health::default(),
        }
    }
}
