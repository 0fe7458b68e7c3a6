//! The mailbox: what people drop to have it run, and where they find what came of it.

use async_trait::async_trait;

use super::{ByteStream, ObjectWriter, StoreError};

/// Something that lies in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dropped {
    /// Where, below the inbox: segments joined by `/`.
    pub path: String,
    /// Another one with each content, and with each time that something is dropped: what was dropped is known by both.
    pub version: String,
}

/// An inbox, an outbox, and the inputs of schedules. Paths are segments joined by `/`, and people choose them: any text
/// but an empty one, `.` and `..` may be a segment.
#[async_trait]
pub trait Mailbox: Send + Sync {
    /// Up to `limit` of what lies in the inbox and has come whole, ascending by path, after the path `after`; fewer only
    /// where no more follow. What came just now may be left out, and comes with a later look.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn dropped(&self, after: Option<&str>, limit: usize) -> Result<Vec<Dropped>, StoreError>;

    /// Its content, of that version and no other.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it was removed or replaced; [`StoreError::Unavailable`], also from the stream, if it
    /// was while it was read.
    async fn read(&self, dropped: &Dropped) -> Result<ByteStream, StoreError>;

    /// Removes it from the inbox. What has replaced it stays; one that is gone is no error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may be gone.
    async fn remove(&self, dropped: &Dropped) -> Result<(), StoreError>;

    /// The input of that path among those of schedules.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn input(&self, path: &str) -> Result<ByteStream, StoreError>;

    /// Begins what will lie at that path in the outbox, replacing what is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn give(&self, path: &str) -> Result<Box<dyn ObjectWriter>, StoreError>;

    /// Removes what lies at that path in the outbox; nothing there is no error.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may be gone.
    async fn retract(&self, path: &str) -> Result<(), StoreError>;
}
