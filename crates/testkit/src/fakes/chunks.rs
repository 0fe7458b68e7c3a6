//! The rows of chunks, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::fleet::{Chunk, ChunkId, Queue, Served};
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{self, StoreError};
use parking_lot::Mutex;

/// The rows of chunks, and what tenants were served. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Chunks {
    rows: Arc<Mutex<BTreeMap<ChunkId, Chunk>>>,
    served: Arc<Mutex<BTreeMap<Queue, Served>>>,
}

impl Chunks {
    /// Every row as it stands, by ascending id.
    pub fn snapshot(&self) -> Vec<Chunk> {
        self.rows.lock().values().cloned().collect()
    }
}

#[async_trait]
impl ports::Chunks for Chunks {
    async fn create(&self, chunks: Vec<Chunk>) -> Result<(), StoreError> {
        let mut rows = self.rows.lock();
        for chunk in chunks {
            rows.entry(chunk.id).or_insert(Chunk { version: 1, ..chunk });
        }
        Ok(())
    }

    async fn get(&self, id: ChunkId) -> Result<Option<Chunk>, StoreError> {
        Ok(self.rows.lock().get(&id).cloned())
    }

    async fn of(&self, submission: SubmissionId) -> Result<Vec<Chunk>, StoreError> {
        let at = |index| ChunkId { submission, index };
        Ok(self.rows.lock().range(at(0)..=at(u32::MAX)).map(|(_, row)| row.clone()).collect())
    }

    async fn open(&self, queue: &Queue, limit: usize) -> Result<Vec<Chunk>, StoreError> {
        let rows = self.rows.lock();
        let is_open = |row: &&Chunk| row.queue() == *queue && !row.state.is_final();
        let mut open: Vec<&Chunk> = rows.values().filter(is_open).collect();
        open.sort_unstable_by_key(|row| (row.created_ms, row.id));
        Ok(open.into_iter().take(limit).cloned().collect())
    }

    async fn models(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.rows.lock();
        let queues = rows.values().filter(|row| !row.state.is_final()).map(Chunk::queue);
        let fleets = |queue: Queue| Queue::fleet_model(queue.as_str()).map(str::to_owned);
        let mut models: Vec<String> = queues.filter_map(fleets).collect();
        models.sort_unstable();
        models.dedup();
        Ok(models)
    }

    async fn replace(&self, chunk: &Chunk) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock();
        let Some(row) = rows.get_mut(&chunk.id).filter(|row| row.version == chunk.version) else {
            return Ok(false);
        };
        *row = Chunk { version: chunk.version + 1, ..chunk.clone() };
        Ok(true)
    }

    async fn delete(&self, submission: SubmissionId) -> Result<(), StoreError> {
        self.rows.lock().retain(|id, _| id.submission != submission);
        Ok(())
    }

    async fn served(&self, queue: &Queue) -> Result<Served, StoreError> {
        Ok(self.served.lock().get(queue).cloned().unwrap_or_default())
    }

    async fn serve(&self, queue: &Queue, served: &Served) -> Result<bool, StoreError> {
        let mut rows = self.served.lock();
        if rows.get(queue).map_or(0, |row| row.version) != served.version {
            return Ok(false);
        }
        rows.insert(queue.clone(), Served { version: served.version + 1, ..served.clone() });
        Ok(true)
    }
}
