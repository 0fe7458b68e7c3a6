//! The rows of chunks behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::fleet::{Chunk, ChunkId, Queue, Served};
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{self, StoreError};

use super::{Gate, through};

/// The rows of chunks behind a gate.
#[derive(Clone)]
pub struct Chunks {
    inner: Arc<dyn ports::Chunks>,
    gate: Arc<dyn Gate>,
}

impl Chunks {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Chunks>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Chunks for Chunks {
    async fn create(&self, chunks: Vec<Chunk>) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "chunks.create", async move { inner.create(chunks).await }).await
    }

    async fn get(&self, id: ChunkId) -> Result<Option<Chunk>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "chunks.get", async move { inner.get(id).await }).await
    }

    async fn of(&self, submission: SubmissionId) -> Result<Vec<Chunk>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "chunks.of", async move { inner.of(submission).await }).await
    }

    async fn open(&self, queue: &Queue, limit: usize) -> Result<Vec<Chunk>, StoreError> {
        let (inner, queue) = (Arc::clone(&self.inner), queue.clone());
        through(&*self.gate, "chunks.open", async move { inner.open(&queue, limit).await }).await
    }

    async fn models(&self) -> Result<Vec<String>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "chunks.models", async move { inner.models().await }).await
    }

    async fn replace(&self, chunk: &Chunk) -> Result<bool, StoreError> {
        let (inner, chunk) = (Arc::clone(&self.inner), chunk.clone());
        through(&*self.gate, "chunks.replace", async move { inner.replace(&chunk).await }).await
    }

    async fn delete(&self, submission: SubmissionId) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "chunks.delete", async move { inner.delete(submission).await }).await
    }

    async fn served(&self, queue: &Queue) -> Result<Served, StoreError> {
        let (inner, queue) = (Arc::clone(&self.inner), queue.clone());
        through(&*self.gate, "chunks.served", async move { inner.served(&queue).await }).await
    }

    async fn serve(&self, queue: &Queue, served: &Served) -> Result<bool, StoreError> {
        let (inner, queue, served) = (Arc::clone(&self.inner), queue.clone(), served.clone());
        through(&*self.gate, "chunks.serve", async move { inner.serve(&queue, &served).await }).await
    }
}
