//! The rows of files behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::file::File;
use offpeak_core::ids::{NativeFileId, TenantId};
use offpeak_core::ports::{self, FilePage, FileQuery, StoreError};

use super::{Gate, through};

/// The rows of files behind a gate.
#[derive(Clone)]
pub struct Files {
    inner: Arc<dyn ports::Files>,
    gate: Arc<dyn Gate>,
}

impl Files {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Files>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Files for Files {
    async fn create(&self, file: &File) -> Result<(), StoreError> {
        let (inner, file) = (Arc::clone(&self.inner), file.clone());
        through(&*self.gate, "files.create", async move { inner.create(&file).await }).await
    }

    async fn get(&self, id: NativeFileId) -> Result<Option<File>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "files.get", async move { inner.get(id).await }).await
    }

    async fn list(&self, tenant: &TenantId, query: FileQuery) -> Result<FilePage, StoreError> {
        let (inner, tenant) = (Arc::clone(&self.inner), tenant.clone());
        through(&*self.gate, "files.list", async move { inner.list(&tenant, query).await }).await
    }

    async fn delete(&self, id: NativeFileId) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "files.delete", async move { inner.delete(id).await }).await
    }
}
