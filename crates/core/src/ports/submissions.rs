//! The rows of submissions.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::SubmissionId;
use crate::submission::Submission;

/// The rows of submissions. Reads see every write that was acknowledged before them.
#[async_trait]
pub trait Submissions: Send + Sync {
    /// Stores a new submission. Durable when it returns. A repeat with the same id changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been stored.
    async fn create(&self, submission: &Submission) -> Result<(), StoreError>;

    /// The row, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn get(&self, id: SubmissionId) -> Result<Option<Submission>, StoreError>;

    /// Replaces the row if its version is still `submission.version`, writing that version plus one; says whether it
    /// did. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been written.
    async fn replace(&self, submission: &Submission) -> Result<bool, StoreError>;

    /// Every submission that something is still owed to ([`crate::submission::State::is_settled`] is false), oldest
    /// first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn open(&self) -> Result<Vec<SubmissionId>, StoreError>;
}

/// The ability to walk all rows.
#[async_trait]
pub trait SubmissionWalk: Send + Sync {
    /// Up to `limit` rows in a fixed order, after the row `after`; none only at the end.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn scan(&self, after: Option<SubmissionId>, limit: usize) -> Result<Vec<Submission>, StoreError>;
}

/// The ability to retire rows, where no store does so by itself. There a scan is by ascending id, so by age, and goes on
/// after any id.
#[async_trait]
pub trait SubmissionSweep: SubmissionWalk {
    /// Deletes the row if it is settled.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn delete(&self, id: SubmissionId) -> Result<(), StoreError>;
}
