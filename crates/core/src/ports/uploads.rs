//! The rows of uploads.

use async_trait::async_trait;

use super::StoreError;
use crate::file::Upload;
use crate::ids::UploadId;

/// The rows of uploads: only that, parts lie in the object store under `uploads/`. Reads see every write that was
/// acknowledged before them.
///
/// A row may be gone from a day after its [`Upload::expires_ms`] on.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Stores a new upload. Durable when it returns. A repeat with the same id changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been stored.
    async fn create(&self, upload: &Upload) -> Result<(), StoreError>;

    /// The row, whosever it is, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn get(&self, id: UploadId) -> Result<Option<Upload>, StoreError>;

    /// Replaces the row if its version is still `upload.version`, writing that version plus one; says whether it did.
    /// Durable when it returns. Of concurrent writes of one version exactly one holds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been written.
    async fn replace(&self, upload: &Upload) -> Result<bool, StoreError>;
}

/// The ability to delete what has expired, where no store does so by itself.
#[async_trait]
pub trait UploadSweep: Send + Sync {
    /// Deletes up to `limit` rows whose [`Upload::expires_ms`] is before `before_ms`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn retire(&self, before_ms: u64, limit: usize) -> Result<usize, StoreError>;
}
