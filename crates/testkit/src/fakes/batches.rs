//! The rows of callers' batches, in memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::batch::Batch;
use offpeak_core::ids::{NativeBatchId, TenantId};
use offpeak_core::ports::{self, BatchPage, StoreError};
use parking_lot::Mutex;

/// The rows of callers' batches. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Batches {
    rows: Arc<Mutex<BTreeMap<NativeBatchId, Batch>>>,
}

impl Batches {
    /// Every row as it stands, by ascending id.
    pub fn snapshot(&self) -> Vec<Batch> {
        self.rows.lock().values().cloned().collect()
    }

    /// The row as it stands, without awaiting.
    pub fn row(&self, id: NativeBatchId) -> Option<Batch> {
        self.rows.lock().get(&id).cloned()
    }
}

#[async_trait]
impl ports::Batches for Batches {
    async fn create(&self, batch: &Batch) -> Result<(), StoreError> {
        let first = || Batch { version: 1, ..batch.clone() };
        self.rows.lock().entry(batch.id).or_insert_with(first);
        Ok(())
    }

    async fn get(&self, id: NativeBatchId) -> Result<Option<Batch>, StoreError> {
        Ok(self.row(id))
    }

    async fn replace(&self, batch: &Batch) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock();
        let Some(row) = rows.get_mut(&batch.id).filter(|row| row.version == batch.version) else {
            return Ok(false);
        };
        *row = Batch { version: batch.version + 1, ..batch.clone() };
        Ok(true)
    }

    async fn list(
        &self,
        tenant: &TenantId,
        after: Option<NativeBatchId>,
        limit: usize,
    ) -> Result<BatchPage, StoreError> {
        let rows = self.rows.lock();
        let newest_first = |batch: &Batch| (Reverse(batch.created_ms), Reverse(batch.id));
        let after = match after {
            Some(id) => {
                Some(rows.get(&id).filter(|row| row.tenant == *tenant).map(newest_first).ok_or(StoreError::NotFound)?)
            }
            None => None,
        };
        let mut batches: Vec<Batch> = rows
            .values()
            .filter(|batch| batch.tenant == *tenant && after.is_none_or(|after| newest_first(batch) > after))
            .cloned()
            .collect();
        batches.sort_unstable_by_key(newest_first);
        let has_more = batches.len() > limit;
        batches.truncate(limit);
        Ok(BatchPage { batches, has_more })
    }

    async fn open(&self) -> Result<Vec<NativeBatchId>, StoreError> {
        let rows = self.rows.lock();
        let mut open: Vec<&Batch> = rows.values().filter(|batch| batch.is_open()).collect();
        open.sort_unstable_by_key(|batch| (batch.created_ms, batch.id));
        Ok(open.into_iter().map(|batch| batch.id).collect())
    }
}

#[async_trait]
impl ports::BatchWalk for Batches {
    async fn scan(&self, after: Option<NativeBatchId>, limit: usize) -> Result<Vec<Batch>, StoreError> {
        let rows = self.rows.lock();
        Ok(rows.values().filter(|row| after.is_none_or(|after| row.id > after)).take(limit).cloned().collect())
    }
}

#[async_trait]
impl ports::BatchSweep for Batches {
    async fn retire(&self, before_ms: u64, limit: usize) -> Result<usize, StoreError> {
        let mut rows = self.rows.lock();
        let ended =
            |batch: &&Batch| !batch.is_open() && batch.times.ended_ms.is_some_and(|ended_ms| ended_ms < before_ms);
        let old: Vec<NativeBatchId> = rows.values().filter(ended).take(limit).map(|batch| batch.id).collect();
        for id in &old {
            rows.remove(id);
        }
        Ok(old.len())
    }
}
