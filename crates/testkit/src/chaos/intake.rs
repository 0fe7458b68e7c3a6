//! The intake queues behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ports::{self, Depth, Message, Receipt, Received, StoreError};

use super::{Gate, through};

/// The intake queues behind a gate.
#[derive(Clone)]
pub struct Intake {
    inner: Arc<dyn ports::Intake>,
    gate: Arc<dyn Gate>,
}

impl Intake {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Intake>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Intake for Intake {
    async fn send(&self, messages: Vec<Message>) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "intake.send", async move { inner.send(messages).await }).await
    }

    async fn receive(
        &self,
        class: &str,
        max: usize,
        visibility_ms: u64,
        wait_ms: u64,
    ) -> Result<Vec<Received>, StoreError> {
        let (inner, class) = (Arc::clone(&self.inner), class.to_owned());
        let call = async move { inner.receive(&class, max, visibility_ms, wait_ms).await };
        through(&*self.gate, "intake.receive", call).await
    }

    async fn delete(&self, class: &str, receipts: Vec<Receipt>) -> Result<(), StoreError> {
        let (inner, class) = (Arc::clone(&self.inner), class.to_owned());
        through(&*self.gate, "intake.delete", async move { inner.delete(&class, receipts).await }).await
    }

    async fn depth(&self, class: &str) -> Result<Depth, StoreError> {
        let (inner, class) = (Arc::clone(&self.inner), class.to_owned());
        through(&*self.gate, "intake.depth", async move { inner.depth(&class).await }).await
    }
}
