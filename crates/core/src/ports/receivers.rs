//! The rows of tenants' receivers.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::TenantId;
use crate::notice;

/// The receivers of tenants, a row for each. Reads see every write that was acknowledged before them.
///
/// A row is at most 200,000 bytes as JSON, and never goes.
#[async_trait]
pub trait Receivers: Send + Sync {
    /// The tenant's row, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn get(&self, tenant: &TenantId) -> Result<Option<notice::Receivers>, StoreError>;

    /// Replaces the tenant's row if its version is still `receivers.version`, or there is none and that is 0; writes that
    /// version plus one, and says whether it did. Durable when it returns. Of concurrent writes of one version exactly one
    /// holds, and a repeat finds its version taken.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been written.
    async fn replace(&self, receivers: &notice::Receivers) -> Result<bool, StoreError>;
}
