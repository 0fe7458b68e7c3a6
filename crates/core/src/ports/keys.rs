//! The API keys of callers.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::TenantId;

/// An API key as it is stored: by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// Whose key it is.
    pub tenant: TenantId,
    /// The first characters, for people to tell keys apart.
    pub hint: String,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// Unix milliseconds, once revoked.
    pub revoked_ms: Option<u64>,
}

/// The API keys of callers.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Stores a new key. Durable when it returns. A repeat changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been stored.
    async fn create(&self, key: KeyRecord) -> Result<(), StoreError>;

    /// The key of that hash, revoked or not. May be up to 5 s old.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn find(&self, hash: &[u8; 32]) -> Result<Option<KeyRecord>, StoreError>;

    /// Every key, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn list(&self) -> Result<Vec<KeyRecord>, StoreError>;

    /// Revokes a key; one that is revoked already keeps its time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn revoke(&self, hash: &[u8; 32], now_ms: u64) -> Result<(), StoreError>;
}
