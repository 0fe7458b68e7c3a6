//! The rows of submissions behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{self, StoreError};
use offpeak_core::submission::Submission;

use super::{Gate, through};

/// The rows of submissions behind a gate.
#[derive(Clone)]
pub struct Submissions {
    inner: Arc<dyn ports::Submissions>,
    gate: Arc<dyn Gate>,
}

impl Submissions {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Submissions>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Submissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submissions").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Submissions for Submissions {
    async fn create(&self, submission: &Submission) -> Result<(), StoreError> {
        let (inner, submission) = (Arc::clone(&self.inner), submission.clone());
        through(&*self.gate, "submissions.create", async move { inner.create(&submission).await }).await
    }

    async fn get(&self, id: SubmissionId) -> Result<Option<Submission>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "submissions.get", async move { inner.get(id).await }).await
    }

    async fn replace(&self, submission: &Submission) -> Result<bool, StoreError> {
        let (inner, submission) = (Arc::clone(&self.inner), submission.clone());
        through(&*self.gate, "submissions.replace", async move { inner.replace(&submission).await }).await
    }

    async fn open(&self) -> Result<Vec<SubmissionId>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "submissions.open", async move { inner.open().await }).await
    }
}
