//! The rows of jobs behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::JobId;
use offpeak_core::job::{Job, Mark, Transition};
use offpeak_core::ports::{self, Created, StoreError, Written};

use super::{Gate, through};

/// The rows of jobs behind a gate.
#[derive(Clone)]
pub struct Jobs {
    inner: Arc<dyn ports::Jobs>,
    gate: Arc<dyn Gate>,
}

impl Jobs {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Jobs>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Jobs for Jobs {
    async fn create(&self, jobs: Vec<Job>) -> Result<Vec<Created>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "jobs.create", async move { inner.create(jobs).await }).await
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        let (inner, ids) = (Arc::clone(&self.inner), ids.to_vec());
        through(&*self.gate, "jobs.get", async move { inner.get(&ids).await }).await
    }

    async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<Written>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "jobs.apply", async move { inner.apply(transitions).await }).await
    }

    async fn mark(&self, id: JobId, mark: Mark) -> Result<Written, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "jobs.mark", async move { inner.mark(id, mark).await }).await
    }
}
