//! The rows of classes, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::class::Departures;
use offpeak_core::ports::{self, StoreError};
use parking_lot::Mutex;

/// The rows of classes. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Classes {
    rows: Arc<Mutex<BTreeMap<String, Departures>>>,
}

#[async_trait]
impl ports::Classes for Classes {
    async fn get(&self, class: &str) -> Result<Departures, StoreError> {
        Ok(self.rows.lock().get(class).cloned().unwrap_or_default())
    }

    async fn replace(&self, class: &str, row: &Departures) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock();
        if rows.get(class).map_or(0, |stored| stored.version) != row.version {
            return Ok(false);
        }
        rows.insert(class.to_owned(), Departures { version: row.version + 1, ..row.clone() });
        Ok(true)
    }
}
