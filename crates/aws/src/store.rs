//! The ports on what a stack made.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use offpeak_core::ids::CredentialId;
use secrecy::SecretString;

use crate::{
    Batches, Chunks, Classes, Clients, Credentials, Events, Files, Intake, Jobs, Keys, Mailbox, Notices, Objects,
    Receivers, Resources, Submissions, Uploads, Usage,
};

/// What the ports must know beside their resources.
#[derive(Clone, Default)]
pub struct Options {
    /// The gateway's own keys towards providers, by name; they are never stored. Default none.
    pub own: BTreeMap<CredentialId, SecretString>,
    /// How long finished jobs, and batches that have ended, are kept, milliseconds.
    pub retention_ms: u64,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("retention_ms", &self.retention_ms).finish_non_exhaustive()
    }
}

/// The ports, on one set of clients.
pub struct Store {
    jobs: Arc<Jobs>,
    submissions: Arc<Submissions>,
    files: Arc<Files>,
    uploads: Arc<Uploads>,
    batches: Arc<Batches>,
    receivers: Arc<Receivers>,
    notices: Arc<Notices>,
    classes: Arc<Classes>,
    intake: Arc<Intake>,
    objects: Arc<Objects>,
    mailbox: Arc<Mailbox>,
    usage: Arc<Usage>,
    keys: Arc<Keys>,
    credentials: Arc<Credentials>,
    events: Option<Arc<Events>>,
    chunks: Option<Arc<Chunks>>,
}

impl Store {
    /// The ports on these resources. Calls nothing.
    pub fn new(clients: Clients, resources: Resources, options: Options) -> Self {
        let Clients { dynamodb, sqs, s3, kms, eventbridge, ssm: _ } = clients;
        let retention_ms = options.retention_ms;
        let objects = Arc::new(Objects::new(s3, resources.bucket));
        let sealing = resources.sealing_key.map(|key| (kms, key));
        let (tables, rows) = (resources.tables, || dynamodb.clone());
        let credentials = Credentials::new(rows(), tables.credentials, sealing, options.own);
        Self {
            jobs: Arc::new(Jobs::new(rows(), tables.jobs, retention_ms, resources.job_index)),
            submissions: Arc::new(Submissions::new(rows(), tables.submissions, retention_ms)),
            files: Arc::new(Files::new(rows(), tables.files)),
            uploads: Arc::new(Uploads::new(rows(), tables.uploads, retention_ms)),
            batches: Arc::new(Batches::new(rows(), tables.batches, retention_ms)),
            receivers: Arc::new(Receivers::new(rows(), tables.receivers)),
            notices: Arc::new(Notices::new(rows(), tables.notices, retention_ms)),
            classes: Arc::new(Classes::new(rows(), tables.classes)),
            intake: Arc::new(Intake::new(&sqs, resources.queues, Arc::clone(&objects))),
            mailbox: Arc::new(Mailbox::new(Arc::clone(&objects))),
            objects,
            usage: Arc::new(Usage::new(rows(), tables.usage)),
            keys: Arc::new(Keys::new(rows(), tables.keys)),
            credentials: Arc::new(credentials),
            chunks: resources.chunks.map(|table| Arc::new(Chunks::new(rows(), table))),
            events: resources.event_bus.map(|bus| Arc::new(Events::new(eventbridge, bus))),
        }
    }

    /// The rows of jobs.
    pub fn jobs(&self) -> Arc<Jobs> {
        Arc::clone(&self.jobs)
    }

    /// The rows of submissions.
    pub fn submissions(&self) -> Arc<Submissions> {
        Arc::clone(&self.submissions)
    }

    /// The rows of callers' files.
    pub fn files(&self) -> Arc<Files> {
        Arc::clone(&self.files)
    }

    /// The rows of callers' uploads.
    pub fn uploads(&self) -> Arc<Uploads> {
        Arc::clone(&self.uploads)
    }

    /// The rows of callers' batches.
    pub fn batches(&self) -> Arc<Batches> {
        Arc::clone(&self.batches)
    }

    /// The rows of tenants' receivers.
    pub fn receivers(&self) -> Arc<Receivers> {
        Arc::clone(&self.receivers)
    }

    /// The outbox.
    pub fn notices(&self) -> Arc<Notices> {
        Arc::clone(&self.notices)
    }

    /// The rows of classes.
    pub fn classes(&self) -> Arc<Classes> {
        Arc::clone(&self.classes)
    }

    /// The intake queues.
    pub fn intake(&self) -> Arc<Intake> {
        Arc::clone(&self.intake)
    }

    /// The object store.
    pub fn objects(&self) -> Arc<Objects> {
        Arc::clone(&self.objects)
    }

    /// Inbox and outbox.
    pub fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.mailbox)
    }

    /// The usage rows.
    pub fn usage(&self) -> Arc<Usage> {
        Arc::clone(&self.usage)
    }

    /// The API keys of callers.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }

    /// The operator's event bus, where there is one.
    pub fn events(&self) -> Option<Arc<Events>> {
        self.events.clone()
    }

    /// The rows of chunks, where the stack has own model servers.
    pub fn chunks(&self) -> Option<Arc<Chunks>> {
        self.chunks.clone()
    }

    /// The keys towards providers.
    pub fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.credentials)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
