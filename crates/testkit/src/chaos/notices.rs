//! The outbox behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::{NoticeId, TenantId};
use offpeak_core::notice::Notice;
use offpeak_core::ports::{self, NoticePage, StoreError};

use super::{Gate, through};

/// The outbox behind a gate.
#[derive(Clone)]
pub struct Notices {
    inner: Arc<dyn ports::Notices>,
    gate: Arc<dyn Gate>,
}

impl Notices {
    /// `inner`, behind `gate`.
    pub fn new(inner: Arc<dyn ports::Notices>, gate: Arc<dyn Gate>) -> Self {
        Self { inner, gate }
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices").finish_non_exhaustive()
    }
}

#[async_trait]
impl ports::Notices for Notices {
    async fn create(&self, notices: Vec<Notice>) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "notices.create", async move { inner.create(notices).await }).await
    }

    async fn get(&self, id: NoticeId) -> Result<Option<Notice>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "notices.get", async move { inner.get(id).await }).await
    }

    async fn replace(&self, notice: &Notice) -> Result<bool, StoreError> {
        let (inner, notice) = (Arc::clone(&self.inner), notice.clone());
        through(&*self.gate, "notices.replace", async move { inner.replace(&notice).await }).await
    }

    async fn due(&self, now_ms: u64, limit: usize) -> Result<Vec<NoticeId>, StoreError> {
        let inner = Arc::clone(&self.inner);
        through(&*self.gate, "notices.due", async move { inner.due(now_ms, limit).await }).await
    }

    async fn dead(&self, tenant: &TenantId, after: Option<NoticeId>, limit: usize) -> Result<NoticePage, StoreError> {
        let (inner, tenant) = (Arc::clone(&self.inner), tenant.clone());
        through(&*self.gate, "notices.dead", async move { inner.dead(&tenant, after, limit).await }).await
    }
}
