//! The object store: large things by name, written once.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::StoreError;
use crate::ids::ObjectName;

/// Bytes in pieces; an `Err` ends it.
pub type ByteStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// An object being written. Dropped without `finish`, nothing is left under its name.
#[async_trait]
pub trait ObjectWriter: Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the writer is of no more use.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;

    /// Makes the object durable and visible under its name, replacing what was there; returns its length in bytes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may be there.
    async fn finish(self: Box<Self>) -> Result<u64, StoreError>;
}

/// The object store. An object is visible whole or not at all.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Begins an object.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn create(&self, name: &ObjectName) -> Result<Box<dyn ObjectWriter>, StoreError>;

    /// The bytes `offset .. offset + length`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Corrupt`] if the object is shorter.
    async fn read(&self, name: &ObjectName, offset: u64, length: u64) -> Result<Bytes, StoreError>;

    /// The whole object in pieces, and its length in bytes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn stream(&self, name: &ObjectName) -> Result<(u64, ByteStream), StoreError>;

    /// The object in pieces from that byte on; no piece where it has not so many bytes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn tail(&self, name: &ObjectName, offset: u64) -> Result<ByteStream, StoreError>;

    /// Deletes the object; one that is not there is no error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may be gone.
    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError>;

    /// Up to `limit` names that begin with `prefix`, ascending, after `after`, each with the Unix milliseconds of its
    /// last write.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Vec<(ObjectName, u64)>, StoreError>;
}
