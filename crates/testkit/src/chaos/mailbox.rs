//! The mailbox behind a gate: its calls, and each piece that is written into the outbox.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ports::{self, ByteStream, Dropped, ObjectWriter, StoreError};

use super::objects::Writer;
use super::{Gate, through};

/// The mailbox behind a gate.
#[derive(Clone)]
pub struct Mailbox {
    inner: Arc<dyn ports::Mailbox>,
    gate: Arc<dyn Gate>,
}

impl Mailbox {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Mailbox>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Mailbox for Mailbox {
    async fn dropped(&self, after: Option<&str>, limit: usize) -> Result<Vec<Dropped>, StoreError> {
        let (inner, after) = (Arc::clone(&self.inner), after.map(str::to_owned));
        let call = async move { inner.dropped(after.as_deref(), limit).await };
        through(&*self.gate, "mailbox.dropped", call).await
    }

    async fn read(&self, dropped: &Dropped) -> Result<ByteStream, StoreError> {
        let (inner, dropped) = (Arc::clone(&self.inner), dropped.clone());
        through(&*self.gate, "mailbox.read", async move { inner.read(&dropped).await }).await
    }

    async fn remove(&self, dropped: &Dropped) -> Result<(), StoreError> {
        let (inner, dropped) = (Arc::clone(&self.inner), dropped.clone());
        through(&*self.gate, "mailbox.remove", async move { inner.remove(&dropped).await }).await
    }

    async fn input(&self, path: &str) -> Result<ByteStream, StoreError> {
        let (inner, path) = (Arc::clone(&self.inner), path.to_owned());
        through(&*self.gate, "mailbox.input", async move { inner.input(&path).await }).await
    }

    async fn give(&self, path: &str) -> Result<Box<dyn ObjectWriter>, StoreError> {
        let (inner, path) = (Arc::clone(&self.inner), path.to_owned());
        let inner = through(&*self.gate, "mailbox.give", async move { inner.give(&path).await }).await?;
        Ok(Box::new(Writer::new(inner, Arc::clone(&self.gate))))
    }

    async fn retract(&self, path: &str) -> Result<(), StoreError> {
        let (inner, path) = (Arc::clone(&self.inner), path.to_owned());
        through(&*self.gate, "mailbox.retract", async move { inner.retract(&path).await }).await
    }
}
