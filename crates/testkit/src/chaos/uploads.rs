//! The rows of uploads behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::file::Upload;
use offpeak_core::ids::UploadId;
use offpeak_core::ports::{self, StoreError};

use super::{Gate, through};

/// The rows of uploads behind a gate.
#[derive(Clone)]
pub struct Uploads {
    inner: Arc<dyn ports::Uploads>,
    gate: Arc<dyn Gate>,
}

impl Uploads {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Uploads>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploads").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Uploads for Uploads {
    async fn create(&self, upload: &Upload) -> Result<(), StoreError> {
        let (inner, upload) = (Arc::clone(&self.inner), upload.clone());
        through(&*self.gate, "uploads.create", async move { inner.create(&upload).await }).await
    }

    async fn get(&self, id: UploadId) -> Result<Option<Upload>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "uploads.get", async move { inner.get(id).await }).await
    }

    async fn replace(&self, upload: &Upload) -> Result<bool, StoreError> {
        let (inner, upload) = (Arc::clone(&self.inner), upload.clone());
        through(&*self.gate, "uploads.replace", async move { inner.replace(&upload).await }).await
    }
}
