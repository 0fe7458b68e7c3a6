//! The keys towards providers.

use async_trait::async_trait;
use secrecy::SecretString;

use super::StoreError;
use crate::ids::CredentialId;

/// Keys towards providers, sealed at rest.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Keeps a caller's key, sealed, and names it; the same key always gets the same name. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been stored.
    async fn seal(&self, secret: &SecretString) -> Result<CredentialId, StoreError>;

    /// The key of that name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Corrupt`] if it does not open with this machine's key file.
    async fn open(&self, id: &CredentialId) -> Result<SecretString, StoreError>;
}
