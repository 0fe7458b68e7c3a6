//! Giving an object, or a part of one, to somebody who has no key to the store.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::ObjectName;

/// The ability to share objects by a URL.
#[async_trait]
pub trait Share: Send + Sync {
    /// Makes the bytes `offset .. offset + length` of `source` an object of their own under `name`, unless that is
    /// there, and returns a URL by which anyone may GET it for a short time, as JSON. A repeat with the same arguments
    /// gives another URL of the same object; concurrent calls harm nobody.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no source; [`StoreError::Corrupt`] if it is shorter;
    /// [`StoreError::Unavailable`]: the object may be there.
    async fn share(
        &self,
        source: &ObjectName,
        offset: u64,
        length: u64,
        name: &ObjectName,
    ) -> Result<String, StoreError>;

    /// A URL by which anyone may GET the whole of `object`, or ranges of it, for a short time, as a file of that name
    /// and type. Nothing is written or looked up: where there is no object, the URL says so. Whatever the file's name,
    /// the URL is of visible ASCII.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn link(&self, object: &ObjectName, filename: &str, content_type: &str) -> Result<String, StoreError>;
}
