//! The object store behind a gate: its calls, and each piece that a writer writes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{self, ByteStream, ObjectWriter, StoreError};

use super::{Gate, through};

/// The object store behind a gate.
#[derive(Clone)]
pub struct Objects {
    inner: Arc<dyn ports::Objects>,
    gate: Arc<dyn Gate>,
}

impl Objects {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Objects>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}

pub(super) struct Writer {
    inner: Box<dyn ObjectWriter>,
    gate: Arc<dyn Gate>,
}

impl Writer {
    /// `inner`, behind `gate`.
    pub(super) fn new(inner: Box<dyn ObjectWriter>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

#[async_trait]
impl ObjectWriter for Writer {
    /// A piece cannot arrive late: the writer would be of no more use.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let lost = |_| StoreError::Unavailable("objects.write was lost".to_owned());
        self.gate.before("objects.write").await.map_err(lost)?;
        self.inner.write(bytes).await?;
        self.gate.after("objects.write").await.map_err(lost)
    }

    async fn finish(self: Box<Self>) -> Result<u64, StoreError> {
        let Self { inner, gate } = *self;
        through(&*gate, "objects.finish", async move { inner.finish().await }).await
    }
}

#[async_trait]
impl ports::Objects for Objects {
    async fn create(&self, name: &ObjectName) -> Result<Box<dyn ObjectWriter>, StoreError> {
        let (inner, name) = (Arc::clone(&self.inner), name.clone());
        let inner = through(&*self.gate, "objects.create", async move { inner.create(&name).await }).await?;
        Ok(Box::new(Writer::new(inner, Arc::clone(&self.gate))))
    }

    async fn read(&self, name: &ObjectName, offset: u64, length: u64) -> Result<Bytes, StoreError> {
        let (inner, name) = (Arc::clone(&self.inner), name.clone());
        through(&*self.gate, "objects.read", async move { inner.read(&name, offset, length).await }).await
    }

    async fn stream(&self, name: &ObjectName) -> Result<(u64, ByteStream), StoreError> {
        let (inner, name) = (Arc::clone(&self.inner), name.clone());
        let opened = through(&*self.gate, "objects.stream", async move { inner.stream(&name).await }).await?;
        if !self.gate.cuts() {
            return Ok(opened);
        }
        let broken = StoreError::Unavailable("the stream broke".to_owned());
        Ok((opened.0, stream::iter([Err(broken)]).boxed()))
    }

    async fn tail(&self, name: &ObjectName, offset: u64) -> Result<ByteStream, StoreError> {
        let (inner, name) = (Arc::clone(&self.inner), name.clone());
        through(&*self.gate, "objects.tail", async move { inner.tail(&name, offset).await }).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let (inner, name) = (Arc::clone(&self.inner), name.clone());
        through(&*self.gate, "objects.delete", async move { inner.delete(&name).await }).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Vec<(ObjectName, u64)>, StoreError> {
        let (inner, prefix, after) = (Arc::clone(&self.inner), prefix.to_owned(), after.cloned());
        let call = async move { inner.list(&prefix, after.as_ref(), limit).await };
        through(&*self.gate, "objects.list", call).await
    }
}
