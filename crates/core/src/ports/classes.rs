//! The rows of classes: when each last departed and what keeps it due.

use async_trait::async_trait;

use super::StoreError;
use crate::class::Departures;

/// The rows of classes.
#[async_trait]
pub trait Classes: Send + Sync {
    /// The row of a class; a class without one has never departed ([`Departures::default`]).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn get(&self, class: &str) -> Result<Departures, StoreError>;

    /// Replaces the row if its version is still `row.version`, writing that version plus one; says whether it did.
    /// Version 0 means that there is no row yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been written.
    async fn replace(&self, class: &str, row: &Departures) -> Result<bool, StoreError>;
}
