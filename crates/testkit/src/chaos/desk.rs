//! The desk behind a gate: its calls, and each piece of the lines that it hands out.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use offpeak_core::ports::{self, Ask, ByteStream, Checkpoint, Lease, Leaving, Standing, StoreError};

use super::{Gate, through};

/// The desk behind a gate.
#[derive(Clone)]
pub struct Desk {
    inner: Arc<dyn ports::Desk>,
    gate: Arc<dyn Gate>,
}

impl Desk {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Desk>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Desk for Desk {
    async fn take(&self, ask: &Ask) -> Result<Option<Lease>, StoreError> {
        let (inner, ask) = (Arc::clone(&self.inner), ask.clone());
        through(&*self.gate, "desk.take", async move { inner.take(&ask).await }).await
    }

    /// The stream may break between any two of its pieces.
    async fn lines(&self, lease: &Lease) -> Result<ByteStream, StoreError> {
        let (inner, lease) = (Arc::clone(&self.inner), lease.clone());
        let pieces = through(&*self.gate, "desk.lines", async move { inner.lines(&lease).await }).await?;
        let gate = Arc::clone(&self.gate);
        let cut = pieces.then(move |piece| {
            let gate = Arc::clone(&gate);
            async move { through(&*gate, "desk.piece", std::future::ready(piece)).await }
        });
        Ok(cut.boxed())
    }

    async fn keep(&self, lease: &Lease, finished: Option<Checkpoint>) -> Result<Standing, StoreError> {
        let (inner, lease) = (Arc::clone(&self.inner), lease.clone());
        through(&*self.gate, "desk.keep", async move { inner.keep(&lease, finished).await }).await
    }

    async fn leave(
        &self,
        lease: &Lease,
        finished: Option<Checkpoint>,
        leaving: Leaving,
    ) -> Result<Standing, StoreError> {
        let (inner, lease) = (Arc::clone(&self.inner), lease.clone());
        let call = async move { inner.leave(&lease, finished, leaving).await };
        through(&*self.gate, "desk.leave", call).await
    }
}
