//! What carries webhooks, behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ports::{self, Delivered, Delivery, NotAdmitted, Silence};

use super::{Gate, pass};

/// What carries webhooks, behind a gate.
#[derive(Clone)]
pub struct Deliver {
    inner: Arc<dyn ports::Deliver>,
    gate: Arc<dyn Gate>,
}

impl Deliver {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Deliver>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Deliver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliver").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Deliver for Deliver {
    async fn admit(&self, url: &str) -> Result<(), NotAdmitted> {
        let (inner, url) = (Arc::clone(&self.inner), url.to_owned());
        let admitted = pass(&*self.gate, "deliver.admit", async move { inner.admit(&url).await });
        admitted.await.unwrap_or(Err(NotAdmitted::Unresolvable))
    }

    async fn deliver(&self, delivery: &Delivery, now_s: u64) -> Delivered {
        let (inner, delivery) = (Arc::clone(&self.inner), delivery.clone());
        let delivered = pass(&*self.gate, "deliver.deliver", async move { inner.deliver(&delivery, now_s).await });
        delivered.await.unwrap_or(Delivered::Unanswered(Silence::TimedOut))
    }
}
