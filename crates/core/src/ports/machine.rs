//! The machine that a worker runs on, as whoever lent it speaks of it.

use async_trait::async_trait;

use super::StoreError;

/// What is announced of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// It may be taken back before others: work that runs can end, and no more should begin.
    AtRisk,
    /// It is taken back within two minutes.
    Ending,
}

/// The machine. Every call may be repeated.
#[async_trait]
pub trait Machine: Send + Sync {
    /// What is announced now. What was announced once may be so no more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing is known.
    async fn notice(&self) -> Result<Option<Notice>, StoreError>;

    /// Says that it may go: whoever takes it back waits for that no longer. Where nobody waits it is no error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been said.
    async fn let_go(&self) -> Result<(), StoreError>;

    /// Ends it, and has its pool ask for one fewer. Where it ends already it is no error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may end.
    async fn end(&self) -> Result<(), StoreError>;
}
