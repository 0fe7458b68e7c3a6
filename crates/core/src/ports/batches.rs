//! The rows of callers' batches.

use async_trait::async_trait;

use super::StoreError;
use crate::batch::Batch;
use crate::ids::{NativeBatchId, TenantId};

/// One page of a listing, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPage {
    /// The rows.
    pub batches: Vec<Batch>,
    /// Whether more follow.
    pub has_more: bool,
}

/// The rows of callers' batches. Reads see every write that was acknowledged before them; a listing, also that of what
/// is open, may lag behind it by a second.
///
/// A row is at most 400,000 bytes as JSON.
#[async_trait]
pub trait Batches: Send + Sync {
    /// Stores a new batch, as version 1. Durable when it returns. If its id is taken, the row that stands is unchanged;
    /// of concurrent creates of one id the first stands.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been stored.
    async fn create(&self, batch: &Batch) -> Result<(), StoreError>;

    /// The row, whosever it is, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn get(&self, id: NativeBatchId) -> Result<Option<Batch>, StoreError>;

    /// Replaces the row if its version is still `batch.version`, writing that version plus one; says whether it did.
    /// Durable when it returns. A write never makes a row, a repeat finds its version taken, and of concurrent writes
    /// of one version exactly one holds. Tenant and `created_ms` never change.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been written.
    async fn replace(&self, batch: &Batch) -> Result<bool, StoreError>;

    /// Up to `limit` rows of the tenant, newest first by `created_ms` and then id, after the row `after`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if `after` is no batch of this tenant.
    async fn list(
        &self,
        tenant: &TenantId,
        after: Option<NativeBatchId>,
        limit: usize,
    ) -> Result<BatchPage, StoreError>;

    /// Every batch that something is still owed to ([`Batch::is_open`]), whosever it is,
    /// oldest first. What ended long ago makes it no slower.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn open(&self) -> Result<Vec<NativeBatchId>, StoreError>;
}

/// The ability to walk all rows, for audits.
#[async_trait]
pub trait BatchWalk: Send + Sync {
    /// Up to `limit` rows in a fixed order, after the row `after`; none only at the end.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn scan(&self, after: Option<NativeBatchId>, limit: usize) -> Result<Vec<Batch>, StoreError>;
}

/// The ability to delete what is old, where no store does so by itself.
#[async_trait]
pub trait BatchSweep: Send + Sync {
    /// Deletes up to `limit` rows that ended before `before_ms`; returns how many. Open rows never go.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn retire(&self, before_ms: u64, limit: usize) -> Result<usize, StoreError>;
}
