//! The outbox, in memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::{NoticeId, TenantId};
use offpeak_core::notice::{Notice, State};
use offpeak_core::ports::{self, NoticePage, StoreError};
use parking_lot::Mutex;

/// The outbox. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    rows: Arc<Mutex<BTreeMap<NoticeId, Notice>>>,
}

impl Notices {
    /// Every row as it stands, by ascending id.
    pub fn snapshot(&self) -> Vec<Notice> {
        self.rows.lock().values().cloned().collect()
    }
}

#[async_trait]
impl ports::Notices for Notices {
    async fn create(&self, notices: Vec<Notice>) -> Result<(), StoreError> {
        let mut rows = self.rows.lock();
        for notice in notices {
            rows.entry(notice.id).or_insert(Notice { version: 1, ..notice });
        }
        Ok(())
    }

    async fn get(&self, id: NoticeId) -> Result<Option<Notice>, StoreError> {
        Ok(self.rows.lock().get(&id).cloned())
    }

    async fn replace(&self, notice: &Notice) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock();
        let Some(row) = rows.get_mut(&notice.id).filter(|row| row.version == notice.version) else {
            return Ok(false);
        };
        *row = Notice { version: notice.version + 1, ..notice.clone() };
        Ok(true)
    }

    async fn due(&self, now_ms: u64, limit: usize) -> Result<Vec<NoticeId>, StoreError> {
        let rows = self.rows.lock();
        let is_due = |row: &&Notice| row.state == State::Owed && row.due_ms <= now_ms;
        let mut due: Vec<(u64, NoticeId)> = rows.values().filter(is_due).map(|row| (row.due_ms, row.id)).collect();
        due.sort_unstable();
        Ok(due.into_iter().take(limit).map(|(_, id)| id).collect())
    }

    async fn dead(&self, tenant: &TenantId, after: Option<NoticeId>, limit: usize) -> Result<NoticePage, StoreError> {
        let rows = self.rows.lock();
        let newest_first = |row: &Notice| (Reverse(row.created_ms), Reverse(row.id));
        let after = match after {
            Some(id) => {
                Some(rows.get(&id).filter(|row| row.tenant == *tenant).map(newest_first).ok_or(StoreError::NotFound)?)
            }
            None => None,
        };
        let is_dead = |row: &&Notice| row.tenant == *tenant && row.is_dead_letter();
        let mut notices: Vec<Notice> = rows
            .values()
            .filter(is_dead)
            .filter(|row| after.is_none_or(|after| newest_first(row) > after))
            .cloned()
            .collect();
        notices.sort_unstable_by_key(newest_first);
        let has_more = notices.len() > limit;
        notices.truncate(limit);
        Ok(NoticePage { notices, has_more })
    }
}

#[async_trait]
impl ports::NoticeSweep for Notices {
    async fn retire(&self, before_ms: u64, limit: usize) -> Result<usize, StoreError> {
        let mut rows = self.rows.lock();
        let is_old = |row: &&Notice| row.state.ended_ms().is_some_and(|ended_ms| ended_ms < before_ms);
        let old: Vec<NoticeId> = rows.values().filter(is_old).take(limit).map(|row| row.id).collect();
        for id in &old {
            rows.remove(id);
        }
        Ok(old.len())
    }
}
