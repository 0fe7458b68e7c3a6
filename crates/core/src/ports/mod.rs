//! What the domain needs from outside: one trait per noun, in core types only.
//!
//! Every port has a conformance suite in the testkit which all its implementations pass. Guarantees that all share:
//! a call that returns `Err` may or may not have taken effect; a repeat of a conditional call with the same arguments
//! is harmless; calls may run concurrently, and each item of a batched call is atomic by itself.

mod backend;
mod batches;
mod capacity;
mod chunks;
mod classes;
mod clock;
mod credentials;
mod deliver;
mod desk;
mod engine;
mod events;
mod files;
mod intake;
mod jobs;
mod keys;
mod machine;
mod mailbox;
mod notices;
mod objects;
mod receivers;
mod share;
mod submissions;
mod uploads;
mod usage;
mod wake;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use backend::{
    Backend, BackendError, BatchPhase, BatchReport, CreateReply, Download, Marker, NewBatch, ProviderFile, Upload,
};
pub use batches::{BatchPage, BatchSweep, BatchWalk, Batches};
pub use capacity::{Capacity, Group, Member};
pub use chunks::Chunks;
pub use classes::Classes;
pub use clock::{Clock, Random};
pub use credentials::Credentials;
pub use deliver::{Deliver, Delivered, Delivery, Forbidden, NotAdmitted, Silence};
pub use desk::{Ask, Checkpoint, Desk, Lease, Leaving, LinesPage, PageLines, Paged, Report, Standing};
pub use engine::{Called, Engine, NotReady, Serving, Whose};
pub use events::Events;
pub use files::{FilePage, FilePlace, FileQuery, FileSweep, Files};
pub use intake::{Depth, Intake, Message, MessageBody, Receipt, Received};
pub use jobs::{Created, JobIndex, JobSweep, JobWalk, Jobs, Page, Written};
pub use keys::{KeyRecord, Keys};
pub use machine::{Machine, Notice};
pub use mailbox::{Dropped, Mailbox};
pub use notices::{NoticePage, NoticeSweep, Notices};
pub use objects::{ByteStream, ObjectWriter, Objects};
pub use receivers::Receivers;
pub use share::Share;
pub use submissions::{SubmissionSweep, SubmissionWalk, Submissions};
pub use uploads::{UploadSweep, Uploads};
pub use usage::{Usage, UsageRow};
pub use wake::{Finished, Wake};

use crate::class::Rule;
use crate::health::Health;
use crate::nightly::Nightly;
use crate::route::Routes;
use crate::timing::Timing;

/// Why a store could not say what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is nothing of that name.
    #[error("not found")]
    NotFound,
    /// Not now: the effect is unknown, and a repeat is right.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What is stored cannot be read.
    #[error("stored data is corrupt: {0}")]
    Corrupt(String),
}

/// Everything a flow may touch.
#[derive(Clone)]
pub struct Ports {
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
    /// The rows of classes.
    pub classes: Arc<dyn Classes>,
    /// The intake queues.
    pub intake: Arc<dyn Intake>,
    /// The object store.
    pub objects: Arc<dyn Objects>,
    /// Inbox and outbox.
    pub mailbox: Arc<dyn Mailbox>,
    /// The backends by their configured names.
    pub backends: BTreeMap<String, Arc<dyn Backend>>,
    /// The keys towards providers.
    pub credentials: Arc<dyn Credentials>,
    /// The usage rows.
    pub usage: Arc<dyn Usage>,
    /// The rows of tenants' receivers of webhooks.
    pub receivers: Arc<dyn Receivers>,
    /// The outbox.
    pub notices: Arc<dyn Notices>,
    /// Who holds a call open and wants to hear of its end.
    pub wake: Arc<dyn Wake>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Durations, and the classes by name.
    pub settings: Arc<Settings>,
    /// What this process knows of providers.
    pub health: Health,
}

/// What the operator decided.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Durations and limits of the protocol.
    pub timing: Timing,
    /// The same for submissions to a provider, by its configured name, where they differ.
    pub provider_timing: BTreeMap<String, Timing>,
    /// The classes and when each departs.
    pub classes: BTreeMap<String, Rule>,
    /// Where each model's lines go.
    pub routes: Routes,
    /// Who is told of what ends.
    pub telling: Telling,
    /// What runs without a call.
    pub nightly: Nightly,
}

/// Who is told of what ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Telling {
    /// Tenants' receivers.
    pub webhooks: bool,
    /// The operator's event bus.
    pub bus: bool,
}

impl Settings {
    /// The durations by which submissions to a provider go.
    pub fn timing_of(&self, provider: &str) -> &Timing {
        self.provider_timing.get(provider).unwrap_or(&self.timing)
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("settings", &self.settings).finish_non_exhaustive()
    }
}
