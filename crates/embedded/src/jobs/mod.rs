//! The rows of jobs.

mod insert;
mod listing;
mod read;
mod sweep;
mod update;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::{JobId, TenantId};
use offpeak_core::job::{Job, Mark, StateKind, Transition};
use offpeak_core::ports::{self, Created, JobIndex, JobSweep, JobWalk, Page, StoreError, Written};

use crate::readers::Readers;
use crate::writer::Writer;

pub(crate) use listing::list;
pub(crate) use read::get;
pub(crate) use sweep::{counts, overdue, scan};

/// So many rows are read on the calling task; more go to the blocking pool.
const FEW: usize = 8;

/// The rows of jobs.
pub struct Jobs {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl Jobs {
    pub(crate) const fn new(writer: Arc<Writer>, readers: Arc<Readers>) -> Self {
        Self { writer, readers }
    }
}

#[async_trait]
impl ports::Jobs for Jobs {
    async fn create(&self, jobs: Vec<Job>) -> Result<Vec<Created>, StoreError> {
        let items = jobs.len();
        self.writer.run(items, move |session| jobs.iter().map(|job| insert::create(session, job)).collect()).await
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        if ids.len() <= FEW {
            return self.readers.point(|reader| get(reader, ids));
        }
        let ids = ids.to_vec();
        self.readers.scan(move |reader| get(reader, &ids)).await
    }

    async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<Written>, StoreError> {
        let items = transitions.len();
        self.writer.run(items, move |session| transitions.iter().map(|one| update::apply(session, one)).collect()).await
    }

    async fn mark(&self, id: JobId, mark: Mark) -> Result<Written, StoreError> {
        self.writer.run(1, move |session| update::mark(session, id, mark)).await
    }
}

#[async_trait]
impl JobIndex for Jobs {
    async fn list(
        &self,
        tenant: &TenantId,
        kind: Option<StateKind>,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let tenant = tenant.clone();
        self.readers.scan(move |reader| list(reader, &tenant, kind, after, limit)).await
    }
}

#[async_trait]
impl JobWalk for Jobs {
    async fn counts(&self) -> Result<Vec<(StateKind, u64)>, StoreError> {
        self.readers.scan(counts).await
    }

    async fn scan(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.readers.scan(move |reader| scan(reader, after, limit)).await
    }
}

#[async_trait]
impl JobSweep for Jobs {
    async fn overdue(&self, now_ms: u64, after: Option<(u64, JobId)>, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.readers.scan(move |reader| overdue(reader, now_ms, after, limit)).await
    }

    async fn retire(&self, before_ms: u64, limit: usize) -> Result<usize, StoreError> {
        let found = self.readers.scan(move |reader| sweep::retirable(reader, before_ms, limit)).await?;
        if found.is_empty() {
            return Ok(0);
        }
        self.writer.run(found.len(), move |session| sweep::retire(session, before_ms, &found)).await
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}
