//! The ports on what a stack made.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use offpeak_core::ids::CredentialId;
use secrecy::SecretString;

use crate::{Classes, Clients, Credentials, Intake, Jobs, Keys, Objects, Resources, Submissions, Usage};

/// What the ports must know beside their resources.
#[derive(Clone, Default)]
pub struct Options {
    /// The gateway's own keys towards providers, by name; they are never stored. Default none.
    pub own: BTreeMap<CredentialId, SecretString>,
    /// How long finished jobs are kept, milliseconds.
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
    classes: Arc<Classes>,
    intake: Arc<Intake>,
    objects: Arc<Objects>,
    usage: Arc<Usage>,
    keys: Arc<Keys>,
    credentials: Arc<Credentials>,
}

impl Store {
    /// The ports on these resources. Calls nothing.
    pub fn new(clients: Clients, resources: Resources, options: Options) -> Self {
        let Clients { dynamodb, sqs, s3, kms, ssm: _ } = clients;
        let retention_ms = options.retention_ms;
        let objects = Arc::new(Objects::new(s3, resources.bucket));
        let sealing = resources.sealing_key.map(|key| (kms, key));
        let credentials = Credentials::new(dynamodb.clone(), resources.credentials_table, sealing, options.own);
        Self {
            jobs: Arc::new(Jobs::new(dynamodb.clone(), resources.jobs_table, retention_ms, resources.job_index)),
            submissions: Arc::new(Submissions::new(dynamodb.clone(), resources.submissions_table, retention_ms)),
            classes: Arc::new(Classes::new(dynamodb.clone(), resources.classes_table)),
            intake: Arc::new(Intake::new(&sqs, resources.queues, Arc::clone(&objects))),
            objects,
            usage: Arc::new(Usage::new(dynamodb.clone(), resources.usage_table)),
            keys: Arc::new(Keys::new(dynamodb, resources.keys_table)),
            credentials: Arc::new(credentials),
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

    /// The usage rows.
    pub fn usage(&self) -> Arc<Usage> {
        Arc::clone(&self.usage)
    }

    /// The API keys of callers.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
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
