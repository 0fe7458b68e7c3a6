//! Everything as it was at one moment, for audits beside a busy server.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use offpeak_core::batch::Batch;
use offpeak_core::ids::{JobId, NativeBatchId, SubmissionId, TenantId};
use offpeak_core::job::{Job, Mark, StateKind, Transition};
use offpeak_core::ports::{
    BatchWalk, Created, Depth, Intake, JobIndex, JobWalk, Jobs, Message, Page, Receipt, Received, StoreError,
    SubmissionWalk, Submissions, Usage, UsageRow, Written,
};
use offpeak_core::submission::Submission;
use parking_lot::Mutex;

use crate::error::Fault;
use crate::readers::Reader;
use crate::{batches, intake, jobs, submissions, usage};

/// One read transaction behind the reading halves of the ports; what would write is refused as unavailable.
///
/// While it lives the write-ahead log cannot start over, so it should not live for long. Objects are not part of it.
#[derive(Clone)]
pub struct Snapshot(Arc<Pinned>);

struct Pinned {
    reader: Mutex<Reader>,
    waiting: OnceLock<HashSet<JobId>>,
}

/// A message that waits, or is hidden, in an intake queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Where it is, ascending within its queue with its arrival.
    pub place: i64,
    /// The job.
    pub job: JobId,
    /// The attempt that it is for.
    pub attempt: u32,
}

impl Snapshot {
    pub(crate) fn take(database: &Path) -> Result<Self, StoreError> {
        let reader = Reader::open(database).map_err(Fault::from)?;
        // The transaction reads from now on what is there now, not what is there when it first reads.
        reader.connection.execute_batch("BEGIN; SELECT count(*) FROM classes;").map_err(Fault::from)?;
        Ok(Self(Arc::new(Pinned { reader: Mutex::new(reader), waiting: OnceLock::new() })))
    }

    /// Up to `limit` messages of all queues by ascending place, after the place `after`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn messages(&self, after: Option<i64>, limit: usize) -> Result<Vec<Waiting>, StoreError> {
        let found = self.read(move |reader| intake::messages(reader, after.unwrap_or(i64::MIN), limit)).await?;
        Ok(found.into_iter().map(|(place, job, attempt)| Waiting { place, job, attempt }).collect())
    }

    /// Whether a message of the job waits or is hidden. The first call reads every message: 16 bytes each in memory.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_message(&self, job: JobId) -> Result<bool, StoreError> {
        if self.0.waiting.get().is_none() {
            let all = self.read(|reader| intake::messages(reader, i64::MIN, usize::MAX >> 1)).await?;
            self.0.waiting.get_or_init(|| all.into_iter().map(|(_, job, _)| job).collect());
        }
        Ok(self.0.waiting.get().is_some_and(|waiting| waiting.contains(&job)))
    }

    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Reader) -> Result<T, Fault> + Send + 'static,
    {
        let pinned = Arc::clone(&self.0);
        let outcome = tokio::task::spawn_blocking(move || read(&mut pinned.reader.lock())).await;
        Ok(outcome.map_err(|_| Fault::Stopped)??)
    }
}

fn refused<T>() -> Result<T, StoreError> {
    Err(Fault::ReadOnly.into())
}

#[async_trait]
impl Jobs for Snapshot {
    async fn create(&self, _: Vec<Job>) -> Result<Vec<Created>, StoreError> {
        refused()
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        let ids = ids.to_vec();
        self.read(move |reader| jobs::get(reader, &ids)).await
    }

    async fn apply(&self, _: Vec<Transition>) -> Result<Vec<Written>, StoreError> {
        refused()
    }

    async fn mark(&self, _: JobId, _: Mark) -> Result<Written, StoreError> {
        refused()
    }
}

#[async_trait]
impl JobIndex for Snapshot {
    async fn list(
        &self,
        tenant: &TenantId,
        kind: Option<StateKind>,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let tenant = tenant.clone();
        self.read(move |reader| jobs::list(reader, &tenant, kind, after, limit)).await
    }
}

#[async_trait]
impl JobWalk for Snapshot {
    async fn counts(&self) -> Result<Vec<(StateKind, u64)>, StoreError> {
        self.read(jobs::counts).await
    }

    async fn scan(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.read(move |reader| jobs::scan(reader, after, limit)).await
    }
}

#[async_trait]
impl Submissions for Snapshot {
    async fn create(&self, _: &Submission) -> Result<(), StoreError> {
        refused()
    }

    async fn get(&self, id: SubmissionId) -> Result<Option<Submission>, StoreError> {
        self.read(move |reader| submissions::get(reader, id)).await
    }

    async fn replace(&self, _: &Submission) -> Result<bool, StoreError> {
        refused()
    }

    async fn open(&self) -> Result<Vec<SubmissionId>, StoreError> {
        self.read(|reader| submissions::open(reader)).await
    }
}

#[async_trait]
impl SubmissionWalk for Snapshot {
    async fn scan(&self, after: Option<SubmissionId>, limit: usize) -> Result<Vec<Submission>, StoreError> {
        self.read(move |reader| submissions::scan(reader, after, limit)).await
    }
}

#[async_trait]
impl BatchWalk for Snapshot {
    async fn scan(&self, after: Option<NativeBatchId>, limit: usize) -> Result<Vec<Batch>, StoreError> {
        self.read(move |reader| batches::scan(reader, after, limit)).await
    }
}

#[async_trait]
impl Intake for Snapshot {
    async fn send(&self, _: Vec<Message>) -> Result<(), StoreError> {
        refused()
    }

    async fn receive(&self, _: &str, _: usize, _: u64, _: u64) -> Result<Vec<Received>, StoreError> {
        refused()
    }

    async fn delete(&self, _: &str, _: Vec<Receipt>) -> Result<(), StoreError> {
        refused()
    }

    /// Counts every message as visible: which are hidden is in the server's memory.
    async fn depth(&self, class: &str) -> Result<Depth, StoreError> {
        let class = class.to_owned();
        let visible = self.read(move |reader| intake::depth(reader, &class)).await?;
        Ok(Depth { visible, hidden: 0 })
    }
}

#[async_trait]
impl Usage for Snapshot {
    async fn record(&self, _: Vec<UsageRow>) -> Result<(), StoreError> {
        refused()
    }

    async fn of(&self, submission: SubmissionId) -> Result<Vec<UsageRow>, StoreError> {
        self.read(move |reader| usage::of(reader, submission)).await
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}
