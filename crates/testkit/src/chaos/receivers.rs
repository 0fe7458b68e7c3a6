//! The rows of tenants' receivers behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::TenantId;
use offpeak_core::notice;
use offpeak_core::ports::{self, StoreError};

use super::{Gate, through};

/// The rows of tenants' receivers behind a gate.
#[derive(Clone)]
pub struct Receivers {
    inner: Arc<dyn ports::Receivers>,
    gate: Arc<dyn Gate>,
}

impl Receivers {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Receivers>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Receivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receivers").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Receivers for Receivers {
    async fn get(&self, tenant: &TenantId) -> Result<Option<notice::Receivers>, StoreError> {
        let (inner, tenant) = (Arc::clone(&self.inner), tenant.clone());
        through(&*self.gate, "receivers.get", async move { inner.get(&tenant).await }).await
    }

    async fn replace(&self, receivers: &notice::Receivers) -> Result<bool, StoreError> {
        let (inner, receivers) = (Arc::clone(&self.inner), receivers.clone());
        through(&*self.gate, "receivers.replace", async move { inner.replace(&receivers).await }).await
    }
}
