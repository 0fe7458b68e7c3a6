//! The rows of tenants' receivers, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::TenantId;
use offpeak_core::notice;
use offpeak_core::ports::{self, StoreError};
use parking_lot::Mutex;

/// The rows of tenants' receivers. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Receivers {
    rows: Arc<Mutex<BTreeMap<TenantId, notice::Receivers>>>,
}

#[async_trait]
impl ports::Receivers for Receivers {
    async fn get(&self, tenant: &TenantId) -> Result<Option<notice::Receivers>, StoreError> {
        Ok(self.rows.lock().get(tenant).cloned())
    }

    async fn replace(&self, receivers: &notice::Receivers) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock();
        if rows.get(&receivers.tenant).map_or(0, |row| row.version) != receivers.version {
            return Ok(false);
        }
        let next = notice::Receivers { version: receivers.version + 1, ..receivers.clone() };
        rows.insert(receivers.tenant.clone(), next);
        Ok(true)
    }
}
