//! The rows of jobs behind a gate.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
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

    /// The transitions of one row, each with its place among all.
    async fn in_order(&self, row: Vec<(usize, Transition)>) -> Vec<(usize, Written)> {
        let mut written = Vec::with_capacity(row.len());
        for (place, transition) in row {
            let inner = Arc::clone(&self.inner);
            let one = through(&*self.gate, "jobs.apply", async move { inner.apply(vec![transition]).await }).await;
            written.push((place, one.ok().and_then(|mut one| one.pop()).unwrap_or(Written::Unclear)));
        }
        written
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

    /// A call for each transition, rows side by side: what is lost leaves its own row unclear, and no other.
    async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<Written>, StoreError> {
        let mut written = vec![Written::Unclear; transitions.len()];
        let mut rows: BTreeMap<JobId, Vec<(usize, Transition)>> = BTreeMap::new();
        for (place, transition) in transitions.into_iter().enumerate() {
            rows.entry(transition.job).or_default().push((place, transition));
        }
        for (place, one) in join_all(rows.into_values().map(|row| self.in_order(row))).await.into_iter().flatten() {
            written[place] = one;
        }
        Ok(written)
    }

    async fn mark(&self, id: JobId, mark: Mark) -> Result<Written, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "jobs.mark", async move { inner.mark(id, mark).await }).await
    }
}
