//! The rows of callers' batches behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::batch::Batch;
use offpeak_core::ids::{NativeBatchId, TenantId};
use offpeak_core::ports::{self, BatchPage, StoreError};

use super::{Gate, through};

/// The rows of callers' batches behind a gate.
#[derive(Clone)]
pub struct Batches {
    inner: Arc<dyn ports::Batches>,
    gate: Arc<dyn Gate>,
}

impl Batches {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Batches>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Batches for Batches {
    async fn create(&self, batch: &Batch) -> Result<(), StoreError> {
        let (inner, batch) = (Arc::clone(&self.inner), batch.clone());
        through(&*self.gate, "batches.create", async move { inner.create(&batch).await }).await
    }

    async fn get(&self, id: NativeBatchId) -> Result<Option<Batch>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "batches.get", async move { inner.get(id).await }).await
    }

    async fn replace(&self, batch: &Batch) -> Result<bool, StoreError> {
        let (inner, batch) = (Arc::clone(&self.inner), batch.clone());
        through(&*self.gate, "batches.replace", async move { inner.replace(&batch).await }).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        after: Option<NativeBatchId>,
        limit: usize,
    ) -> Result<BatchPage, StoreError> {
        let (inner, tenant) = (Arc::clone(&self.inner), tenant.clone());
        through(&*self.gate, "batches.list", async move { inner.list(&tenant, after, limit).await }).await
    }

    async fn open(&self) -> Result<Vec<NativeBatchId>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "batches.open", async move { inner.open().await }).await
    }
}
