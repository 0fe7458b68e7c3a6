//! The rows of files.

use async_trait::async_trait;

use super::StoreError;
use crate::file::{File, Purpose};
use crate::ids::{NativeFileId, TenantId};

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePage {
    /// The rows, in the order that was asked for.
    pub files: Vec<File>,
    /// Whether more follow.
    pub has_more: bool,
}

/// Where a file stands in a listing, whether it is there or not: by its time, and then by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePlace {
    /// Unix milliseconds.
    pub created_ms: u64,
    /// The file.
    pub id: NativeFileId,
}

impl FilePlace {
    /// That of a file.
    pub const fn of(file: &File) -> Self {
        Self { created_ms: file.created_ms, id: file.id }
    }
}

/// What a listing of files is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileQuery {
    /// Of this purpose; of every purpose if there is none.
    pub purpose: Option<Purpose>,
    /// Oldest first; newest first otherwise. Rows of the same millisecond follow by id, in the same direction.
    pub ascending: bool,
    /// What follows this place in that order.
    pub after: Option<FilePlace>,
    /// Rows at most.
    pub limit: usize,
}

/// The rows of files: only that, contents lie in the object store. Reads see every write that was acknowledged before
/// them; a listing may lag behind it by a second.
///
/// A row whose [`File::expires_ms`] has passed may be gone at any time after it. Until then it is given like any other:
/// who reads it looks at the time.
#[async_trait]
pub trait Files: Send + Sync {
    /// Stores a new file. Durable when it returns. If its id is taken, the row that stands is unchanged; of concurrent
    /// creates of one id the first stands.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been stored.
    async fn create(&self, file: &File) -> Result<(), StoreError>;

    /// The row, whosever it is, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn get(&self, id: NativeFileId) -> Result<Option<File>, StoreError>;

    /// Up to `query.limit` rows of the tenant, and whether more follow.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn list(&self, tenant: &TenantId, query: FileQuery) -> Result<FilePage, StoreError>;

    /// Deletes the row; one that is not there is no error. A create that comes after it stores the row anew.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may be gone.
    async fn delete(&self, id: NativeFileId) -> Result<(), StoreError>;
}

/// The ability to find what has expired, where no store deletes it by itself.
#[async_trait]
pub trait FileSweep: Send + Sync {
    /// Up to `limit` rows whose [`File::expires_ms`] is not after `now_ms`, the earliest first. They stay until they are
    /// deleted: their contents go first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn expired(&self, now_ms: u64, limit: usize) -> Result<Vec<File>, StoreError>;
}
