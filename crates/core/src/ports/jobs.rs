//! The rows of jobs.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::{JobId, TenantId};
use crate::job::{Job, Mark, StateKind, Transition};

/// What became of a create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The row is new.
    New,
    /// A row of that id stands; it is unchanged.
    Exists(Box<Job>),
}

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The condition held and the row is written.
    Yes,
    /// The condition did not hold; the row as it stands, if there is one.
    Conflict(Option<Box<Job>>),
    /// Nobody knows: it may have been written, or be written yet. The row tells, and a repeat is harmless.
    Unclear,
}

/// The rows of jobs. Reads see every write that was acknowledged before them.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Creates each row unless its id is taken. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: some rows may have been created.
    async fn create(&self, jobs: Vec<Job>) -> Result<Vec<Created>, StoreError>;

    /// The rows of these ids, in their order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError>;

    /// Writes each transition whose condition holds. Durable when it returns; answers are in the order of the input.
    /// Two transitions of one job in one call are applied in their order. One that is [`Written::Unclear`] says nothing
    /// of the others.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: some may have been written.
    async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<Written>, StoreError>;

    /// Makes a small change beside the state, if the mark's condition holds. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been written.
    async fn mark(&self, id: JobId, mark: Mark) -> Result<Written, StoreError>;
}

/// One page of a listing, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub jobs: Vec<Job>,
    /// Whether more follow.
    pub has_more: bool,
}

/// The ability to list a tenant's jobs.
#[async_trait]
pub trait JobIndex: Send + Sync {
    /// Up to `limit` rows of the tenant, newest first, after the row `after`, of the given kind if one is given.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if `after` is no job of this tenant.
    async fn list(
        &self,
        tenant: &TenantId,
        kind: Option<StateKind>,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page, StoreError>;
}

/// The ability to walk all rows, for audits and counts.
#[async_trait]
pub trait JobWalk: Send + Sync {
    /// How many rows are in each state.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn counts(&self) -> Result<Vec<(StateKind, u64)>, StoreError>;

    /// Up to `limit` rows in a fixed order, after the row `after`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn scan(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>, StoreError>;
}

/// The ability to find what is overdue and to delete what is old, where no store does so by itself.
#[async_trait]
pub trait JobSweep: Send + Sync {
    /// Open rows whose deadline is not after `now_ms`, at most `limit`, by ascending deadline and id, after the given
    /// deadline and id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn overdue(&self, now_ms: u64, after: Option<(u64, JobId)>, limit: usize) -> Result<Vec<Job>, StoreError>;

    /// Deletes up to `limit` rows that were final before `before_ms`; returns how many. Open rows never go.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn retire(&self, before_ms: u64, limit: usize) -> Result<usize, StoreError>;
}
