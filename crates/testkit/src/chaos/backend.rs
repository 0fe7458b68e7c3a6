//! A backend behind a gate. A lost create is unclear, whether or not it took place or will.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::{BatchId, FileId};
use offpeak_core::ports::{self, BackendError, BatchReport, CreateReply, Download, Marker, NewBatch, Upload};
use offpeak_core::submission::Limits;
use secrecy::SecretString;

use super::{Gate, pass};

/// A backend behind a gate.
#[derive(Clone)]
pub struct Backend {
    inner: Arc<dyn ports::Backend>,
    gate: Arc<dyn Gate>,
}

impl Backend {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Backend>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }

    async fn through<T, F>(&self, what: &'static str, call: F) -> Result<T, BackendError>
    where
        T: Send,
        F: Future<Output = Result<T, BackendError>> + Send + 'static,
    {
        let lost = || BackendError::Unavailable(format!("{what} was lost"));
        pass(&*self.gate, what, call).await.unwrap_or_else(|_| Err(lost()))
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Backend for Backend {
    fn limits(&self, model: &str) -> Limits {
        self.inner.limits(model)
    }

    async fn upload(&self, key: &SecretString, upload: Upload) -> Result<FileId, BackendError> {
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        self.through("backend.upload", async move { inner.upload(&key, upload).await }).await
    }

    async fn create(&self, key: &SecretString, batch: NewBatch) -> CreateReply {
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        let call = async move { inner.create(&key, batch).await };
        pass(&*self.gate, "backend.create", call).await.unwrap_or(CreateReply::Unclear)
    }

    async fn find(&self, key: &SecretString, marker: Marker) -> Result<Vec<BatchId>, BackendError> {
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        self.through("backend.find", async move { inner.find(&key, marker).await }).await
    }

    async fn poll(&self, key: &SecretString, batch: &BatchId) -> Result<BatchReport, BackendError> {
        let (inner, key, batch) = (Arc::clone(&self.inner), key.clone(), batch.clone());
        self.through("backend.poll", async move { inner.poll(&key, &batch).await }).await
    }

    async fn cancel(&self, key: &SecretString, batch: &BatchId) -> Result<(), BackendError> {
        let (inner, key, batch) = (Arc::clone(&self.inner), key.clone(), batch.clone());
        self.through("backend.cancel", async move { inner.cancel(&key, &batch).await }).await
    }

    async fn download(&self, key: &SecretString, file: &FileId) -> Result<Download, BackendError> {
        let (inner, key, file) = (Arc::clone(&self.inner), key.clone(), file.clone());
        self.through("backend.download", async move { inner.download(&key, &file).await }).await
    }

    async fn delete(&self, key: &SecretString, file: &FileId) -> Result<(), BackendError> {
        let (inner, key, file) = (Arc::clone(&self.inner), key.clone(), file.clone());
        self.through("backend.delete", async move { inner.delete(&key, &file).await }).await
    }
}
