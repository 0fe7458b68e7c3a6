//! The rows of files, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::file::File;
use offpeak_core::ids::{NativeFileId, TenantId};
use offpeak_core::ports::{self, FilePage, FilePlace, FileQuery, StoreError};
use parking_lot::Mutex;

/// The rows of files. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Files {
    rows: Arc<Mutex<BTreeMap<NativeFileId, File>>>,
}

impl Files {
    /// Every row as it stands, by ascending id.
    pub fn snapshot(&self) -> Vec<File> {
        self.rows.lock().values().cloned().collect()
    }
}

#[async_trait]
impl ports::Files for Files {
    async fn create(&self, file: &File) -> Result<(), StoreError> {
        self.rows.lock().entry(file.id).or_insert_with(|| file.clone());
        Ok(())
    }

    async fn get(&self, id: NativeFileId) -> Result<Option<File>, StoreError> {
        Ok(self.rows.lock().get(&id).cloned())
    }

    async fn list(&self, tenant: &TenantId, query: FileQuery) -> Result<FilePage, StoreError> {
        let rows = self.rows.lock();
        let mut files: Vec<File> = rows
            .values()
            .filter(|file| file.tenant == *tenant && query.purpose.is_none_or(|purpose| file.purpose == purpose))
            .filter(|file| {
                let place = FilePlace::of(file);
                query.after.is_none_or(|after| if query.ascending { place > after } else { place < after })
            })
            .cloned()
            .collect();
        files.sort_unstable_by_key(FilePlace::of);
        if !query.ascending {
            files.reverse();
        }
        let has_more = files.len() > query.limit;
        files.truncate(query.limit);
        Ok(FilePage { files, has_more })
    }

    async fn delete(&self, id: NativeFileId) -> Result<(), StoreError> {
        self.rows.lock().remove(&id);
        Ok(())
    }
}

#[async_trait]
impl ports::FileSweep for Files {
    async fn expired(&self, now_ms: u64, limit: usize) -> Result<Vec<File>, StoreError> {
        let rows = self.rows.lock();
        let mut expired: Vec<File> = rows.values().filter(|file| !file.is_readable(now_ms)).cloned().collect();
        expired.sort_unstable_by_key(|file| file.expires_ms);
        expired.truncate(limit);
        Ok(expired)
    }
}
