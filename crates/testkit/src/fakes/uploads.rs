//! The rows of uploads, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::file::Upload;
use offpeak_core::ids::UploadId;
use offpeak_core::ports::{self, StoreError};
use parking_lot::Mutex;

/// The rows of uploads. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Uploads {
    rows: Arc<Mutex<BTreeMap<UploadId, Upload>>>,
}

#[async_trait]
impl ports::Uploads for Uploads {
    async fn create(&self, upload: &Upload) -> Result<(), StoreError> {
        let first = || Upload { version: 1, ..upload.clone() };
        self.rows.lock().entry(upload.id).or_insert_with(first);
        Ok(())
    }

    async fn get(&self, id: UploadId) -> Result<Option<Upload>, StoreError> {
        Ok(self.rows.lock().get(&id).cloned())
    }

    async fn replace(&self, upload: &Upload) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock();
        let Some(row) = rows.get_mut(&upload.id).filter(|row| row.version == upload.version) else {
            return Ok(false);
        };
        *row = Upload { version: upload.version + 1, ..upload.clone() };
        Ok(true)
    }
}

#[async_trait]
impl ports::UploadSweep for Uploads {
    async fn retire(&self, before_ms: u64, limit: usize) -> Result<usize, StoreError> {
        let mut rows = self.rows.lock();
        let old: Vec<UploadId> =
            rows.values().filter(|row| row.expires_ms < before_ms).take(limit).map(|row| row.id).collect();
        for id in &old {
            rows.remove(id);
        }
        Ok(old.len())
    }
}
