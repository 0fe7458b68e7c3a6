//! The rows of jobs, in memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::faults::{Fault, planted};
use offpeak_core::ids::{JobId, TenantId};
use offpeak_core::job::{Job, Mark, State, StateKind, Transition};
use offpeak_core::ports::{self, Created, Page, StoreError, Written};
use parking_lot::Mutex;

/// The rows of jobs. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Jobs {
    rows: Arc<Mutex<BTreeMap<JobId, Job>>>,
}

impl Jobs {
    /// Every row as it stands, by ascending id.
    pub fn snapshot(&self) -> Vec<Job> {
        self.rows.lock().values().cloned().collect()
    }

    /// The row as it stands, without awaiting.
    pub fn row(&self, id: JobId) -> Option<Job> {
        self.rows.lock().get(&id).cloned()
    }
}

#[async_trait]
impl ports::Jobs for Jobs {
    async fn create(&self, jobs: Vec<Job>) -> Result<Vec<Created>, StoreError> {
        let mut rows = self.rows.lock();
        let mut created = Vec::with_capacity(jobs.len());
        for job in jobs {
            if let Some(row) = rows.get(&job.id) {
                created.push(Created::Exists(Box::new(row.clone())));
            } else {
                rows.insert(job.id, job);
                created.push(Created::New);
            }
        }
        Ok(created)
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        let rows = self.rows.lock();
        Ok(ids.iter().map(|id| rows.get(id).cloned()).collect())
    }

    async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<Written>, StoreError> {
        let mut rows = self.rows.lock();
        Ok(transitions.iter().map(|transition| write(&mut rows, transition)).collect())
    }

    async fn mark(&self, id: JobId, mark: Mark) -> Result<Written, StoreError> {
        let mut rows = self.rows.lock();
        let Some(job) = rows.get_mut(&id) else {
            return Ok(Written::Conflict(None));
        };
        Ok(if mark.apply(job) { Written::Yes } else { Written::Conflict(Some(Box::new(job.clone()))) })
    }
}

fn write(rows: &mut BTreeMap<JobId, Job>, transition: &Transition) -> Written {
    let Some(job) = rows.get_mut(&transition.job) else {
        return Written::Conflict(None);
    };
    let claim = matches!(transition.state, State::Packed { .. });
    if transition.when.holds(job) || (claim && planted(Fault::ClaimUnconditionally)) {
        transition.apply(job);
        return Written::Yes;
    }
    Written::Conflict(Some(Box::new(job.clone())))
}

#[async_trait]
impl ports::JobIndex for Jobs {
    async fn list(
        &self,
        tenant: &TenantId,
        kind: Option<StateKind>,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let rows = self.rows.lock();
        let newest_first = |job: &Job| (Reverse(job.created_ms), Reverse(job.id));
        let after = match after {
            Some(id) => {
                Some(rows.get(&id).filter(|row| row.tenant == *tenant).map(newest_first).ok_or(StoreError::NotFound)?)
            }
            None => None,
        };
        let mut jobs: Vec<Job> = rows
            .values()
            .filter(|job| job.tenant == *tenant && kind.is_none_or(|kind| job.state.kind() == kind))
            .filter(|job| after.is_none_or(|after| newest_first(job) > after))
            .cloned()
            .collect();
        jobs.sort_unstable_by_key(newest_first);
        let has_more = jobs.len() > limit;
        jobs.truncate(limit);
        Ok(Page { jobs, has_more })
    }
}

#[async_trait]
impl ports::JobWalk for Jobs {
    async fn counts(&self) -> Result<Vec<(StateKind, u64)>, StoreError> {
        let rows = self.rows.lock();
        let count = |kind| rows.values().filter(|job| job.state.kind() == kind).count() as u64;
        Ok(StateKind::ALL.into_iter().map(|kind| (kind, count(kind))).collect())
    }

    async fn scan(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>, StoreError> {
        let rows = self.rows.lock();
        Ok(rows.values().filter(|job| after.is_none_or(|after| job.id > after)).take(limit).cloned().collect())
    }
}

#[async_trait]
impl ports::JobSweep for Jobs {
    async fn overdue(&self, now_ms: u64, after: Option<(u64, JobId)>, limit: usize) -> Result<Vec<Job>, StoreError> {
        let place = |job: &Job| (job.deadline_ms, job.id);
        let overdue = |job: &&Job| {
            !job.state.is_final() && job.deadline_ms <= now_ms && after.is_none_or(|after| place(job) > after)
        };
        let mut jobs: Vec<Job> = self.rows.lock().values().filter(overdue).cloned().collect();
        jobs.sort_by_key(place);
        jobs.truncate(limit);
        Ok(jobs)
    }

    async fn retire(&self, before_ms: u64, limit: usize) -> Result<usize, StoreError> {
        let mut rows = self.rows.lock();
        let old = |job: &&Job| job.state.is_final() && job.finished_ms < before_ms;
        let ids: Vec<JobId> = rows.values().filter(old).map(|job| job.id).take(limit).collect();
        for id in &ids {
            rows.remove(id);
        }
        Ok(ids.len())
    }
}
