//! What really took effect in the stores, by the true time: the judge's own record, which no actor reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use offpeak_core::ids::{JobId, ObjectName, SubmissionId};
use parking_lot::Mutex;

/// The record. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Book {
    pages: Arc<Mutex<Pages>>,
}

/// What is recorded.
#[derive(Debug, Clone, Default)]
pub struct Pages {
    /// When each job's row was created, Unix milliseconds.
    pub created: BTreeMap<JobId, u64>,
    /// When each job's first message was stored, Unix milliseconds.
    pub sent: BTreeMap<JobId, u64>,
    /// When a job was claimed, in order.
    pub claims: Vec<(JobId, u64)>,
    /// Jobs that were queued again.
    pub requeued: BTreeSet<JobId>,
    /// The results that were chosen for each submission: never more than one.
    pub chosen: BTreeMap<SubmissionId, BTreeSet<ObjectName>>,
    /// Submissions that ended although their batch had not.
    pub forsaken: BTreeSet<SubmissionId>,
    /// Submissions that ended without having run.
    pub unrun: BTreeSet<SubmissionId>,
    /// When work of each class was first put back (a requeue or a lost lease), Unix milliseconds.
    pub recalled: BTreeMap<String, u64>,
    /// Jobs whose callers were told that they are accepted.
    pub told: BTreeSet<JobId>,
    /// Questions among whose calls one was lost: its reply, its process, or its outcome.
    pub troubled: BTreeSet<usize>,
    /// What came of each caller that stayed.
    pub answers: BTreeMap<usize, Answered>,
    /// What was seen to be wrong while it happened.
    pub wrongs: Vec<String>,
    /// What happened how often.
    pub counts: super::Counts,
}

/// A final answer, as a caller received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The job whose answer it is.
    pub job: JobId,
    /// The provider's answer, if it gave one.
    pub body: Option<String>,
}

impl Book {
    /// Reads or writes the record.
    pub fn with<T>(&self, look: impl FnOnce(&mut Pages) -> T) -> T {
        look(&mut self.pages.lock())
    }
}
