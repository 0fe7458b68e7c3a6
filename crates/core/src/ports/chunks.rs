//! The rows of chunks: the work queues of own engines and of live calls, and their ledger.

use async_trait::async_trait;

use super::StoreError;
use crate::fleet::{Chunk, ChunkId, Queue, Served};
use crate::ids::SubmissionId;

/// The rows of chunks. Reads see every write that was acknowledged before them, but for [`Chunks::open`] and
/// [`Chunks::models`], which may lag.
#[async_trait]
pub trait Chunks: Send + Sync {
    /// Stores new chunks as version 1, each if there is none of its id. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: any of them may have been stored.
    async fn create(&self, chunks: Vec<Chunk>) -> Result<(), StoreError>;

    /// The row, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn get(&self, id: ChunkId) -> Result<Option<Chunk>, StoreError>;

    /// Every chunk of a submission, by index.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn of(&self, submission: SubmissionId) -> Result<Vec<Chunk>, StoreError>;

    /// Up to `limit` chunks of a queue that are not final, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn open(&self, queue: &Queue, limit: usize) -> Result<Vec<Chunk>, StoreError>;

    /// The fleet's models of which chunks are not final.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn models(&self) -> Result<Vec<String>, StoreError>;

    /// Replaces the row if its version is still `chunk.version`, writing that version plus one; says whether it did.
    /// Durable when it returns. Of concurrent writes of one version exactly one holds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been written.
    async fn replace(&self, chunk: &Chunk) -> Result<bool, StoreError>;

    /// Deletes every chunk of a submission; none is no error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: any of them may be gone.
    async fn delete(&self, submission: SubmissionId) -> Result<(), StoreError>;

    /// What tenants were served of a queue; nothing at first, with version 0.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn served(&self, queue: &Queue) -> Result<Served, StoreError>;

    /// Replaces that if its version is still `served.version`, writing that version plus one; says whether it did.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been written.
    async fn serve(&self, queue: &Queue, served: &Served) -> Result<bool, StoreError>;
}
