//! The API keys of callers, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ports::{self, KeyRecord, StoreError};
use parking_lot::Mutex;

/// The API keys of callers. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    records: Arc<Mutex<BTreeMap<[u8; 32], KeyRecord>>>,
}

#[async_trait]
impl ports::Keys for Keys {
    async fn create(&self, key: KeyRecord) -> Result<(), StoreError> {
        self.records.lock().entry(key.hash).or_insert(key);
        Ok(())
    }

    async fn find(&self, hash: &[u8; 32]) -> Result<Option<KeyRecord>, StoreError> {
        Ok(self.records.lock().get(hash).cloned())
    }

    async fn list(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let mut records: Vec<KeyRecord> = self.records.lock().values().cloned().collect();
        records.sort_by_key(|record| record.created_ms);
        Ok(records)
    }

    async fn revoke(&self, hash: &[u8; 32], now_ms: u64) -> Result<(), StoreError> {
        let mut records = self.records.lock();
        let record = records.get_mut(hash).ok_or(StoreError::NotFound)?;
        record.revoked_ms.get_or_insert(now_ms);
        Ok(())
    }
}
