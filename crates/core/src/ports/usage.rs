//! What was used: one row per submission and tenant.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::{SubmissionId, TenantId};

/// What one tenant used in one submission. Sums are derived from these rows, never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// The submission.
    pub submission: SubmissionId,
    /// Who pays.
    pub tenant: TenantId,
    /// The upstream model.
    pub model: String,
    /// Lines that were answered.
    pub lines: u64,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Completion tokens.
    pub output_tokens: u64,
}

/// The usage rows.
#[async_trait]
pub trait Usage: Send + Sync {
    /// Stores each row unless its (submission, tenant) is taken. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: some may have been stored.
    async fn record(&self, rows: Vec<UsageRow>) -> Result<(), StoreError>;

    /// The rows of a submission.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn of(&self, submission: SubmissionId) -> Result<Vec<UsageRow>, StoreError>;
}
