//! The usage rows behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{self, StoreError, UsageRow};

use super::{Gate, through};

/// The usage rows behind a gate.
#[derive(Clone)]
pub struct Usage {
    inner: Arc<dyn ports::Usage>,
    gate: Arc<dyn Gate>,
}

impl Usage {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Usage>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usage").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Usage for Usage {
    async fn record(&self, rows: Vec<UsageRow>) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "usage.record", async move { inner.record(rows).await }).await
    }

    async fn of(&self, submission: SubmissionId) -> Result<Vec<UsageRow>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "usage.of", async move { inner.of(submission).await }).await
    }
}
