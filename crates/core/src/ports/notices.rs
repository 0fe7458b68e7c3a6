//! The rows of notices: the outbox.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::{NoticeId, TenantId};
use crate::notice::Notice;

/// One page of a tenant's dead letters, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticePage {
    /// The rows.
    pub notices: Vec<Notice>,
    /// Whether more follow.
    pub has_more: bool,
}

/// The rows of notices. Reads see every write that was acknowledged before them; what is due, or dead, may lag behind it
/// by a second.
///
/// A row may be gone once it has been decided for as long as results are kept. One that is owed stays.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Stores each notice, as version 1, unless its id is taken: then the row that stands is unchanged. Durable when it
    /// returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: some may have been stored.
    async fn create(&self, notices: Vec<Notice>) -> Result<(), StoreError>;

    /// The row, whosever it is, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn get(&self, id: NoticeId) -> Result<Option<Notice>, StoreError>;

    /// Replaces the row if its version is still `notice.version`, writing that version plus one; says whether it did.
    /// Durable when it returns. Of concurrent writes of one version exactly one holds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been written.
    async fn replace(&self, notice: &Notice) -> Result<bool, StoreError>;

    /// Up to `limit` notices that are owed and due at `now_ms`, whosever they are, the longest due first. What was decided
    /// makes it no slower.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn due(&self, now_ms: u64, limit: usize) -> Result<Vec<NoticeId>, StoreError>;

    /// Up to `limit` of the tenant's notices that are dead letters ([`Notice::is_dead_letter`]), newest first by `created_ms` and then id, after the row `after`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if `after` is no notice of this tenant.
    async fn dead(&self, tenant: &TenantId, after: Option<NoticeId>, limit: usize) -> Result<NoticePage, StoreError>;
}

/// The ability to delete what is old, where no store does so by itself.
#[async_trait]
pub trait NoticeSweep: Send + Sync {
    /// Deletes up to `limit` rows that were decided before `before_ms`; returns how many. What is owed never goes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn retire(&self, before_ms: u64, limit: usize) -> Result<usize, StoreError>;
}
