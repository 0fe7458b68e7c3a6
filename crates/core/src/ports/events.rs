//! The operator's event bus.

use async_trait::async_trait;

use super::StoreError;
use crate::notice::Notice;

/// A bus that the operator's own rules listen to.
#[async_trait]
pub trait Events: Send + Sync {
    /// Puts the event of a notice on the bus. A repeat puts it there again, with the same id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may be there.
    async fn publish(&self, notice: &Notice) -> Result<(), StoreError>;
}
