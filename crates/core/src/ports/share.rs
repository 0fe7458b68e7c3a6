//! Giving a part of an object to somebody who has no key to the store.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::ObjectName;

/// The ability to share a part of an object by a URL.
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
}
