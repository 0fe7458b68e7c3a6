//! The provider as its uploads reach it: every byte is kept.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use offpeak_core::ids::{BatchId, FileId};
use offpeak_core::ports::{Backend, BackendError, BatchReport, CreateReply, Download, Marker, NewBatch, Upload};
use offpeak_core::submission::Limits;
use offpeak_testkit::provider::ScriptedProvider;
use parking_lot::Mutex;
use secrecy::SecretString;

/// A provider whose uploads are kept. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    inner: ScriptedProvider,
    uploads: Arc<Mutex<Vec<Bytes>>>,
}

impl Tap {
    pub(crate) fn before(provider: &ScriptedProvider) -> Self {
        Self { inner: provider.clone(), uploads: Arc::default() }
    }

    /// Every file that was uploaded whole.
    pub(crate) fn uploads(&self) -> Vec<Bytes> {
        self.uploads.lock().clone()
    }
}

#[async_trait]
impl Backend for Tap {
    fn limits(&self, model: &str) -> Limits {
        self.inner.limits(model)
    }

    async fn upload(&self, key: &SecretString, mut upload: Upload) -> Result<FileId, BackendError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = upload.bytes.next().await {
            whole.extend_from_slice(&piece.map_err(|_| BackendError::Source)?);
        }
        let whole = whole.freeze();
        let bytes = stream::iter([Ok(whole.clone())]).boxed();
        let file = self.inner.upload(key, Upload { bytes, ..upload }).await?;
        self.uploads.lock().push(whole);
        Ok(file)
    }

    async fn create(&self, key: &SecretString, batch: NewBatch) -> CreateReply {
        self.inner.create(key, batch).await
    }

    async fn find(&self, key: &SecretString, marker: Marker) -> Result<Vec<BatchId>, BackendError> {
        self.inner.find(key, marker).await
    }

    async fn poll(&self, key: &SecretString, batch: &BatchId) -> Result<BatchReport, BackendError> {
        self.inner.poll(key, batch).await
    }

    async fn cancel(&self, key: &SecretString, batch: &BatchId) -> Result<(), BackendError> {
        self.inner.cancel(key, batch).await
    }

    async fn download(&self, key: &SecretString, file: &FileId) -> Result<Download, BackendError> {
        self.inner.download(key, file).await
    }

    async fn delete(&self, key: &SecretString, file: &FileId) -> Result<(), BackendError> {
        self.inner.delete(key, file).await
    }
}
