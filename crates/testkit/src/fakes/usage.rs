//! The usage rows, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::faults::{Fault, planted};
use offpeak_core::ids::{SubmissionId, TenantId};
use offpeak_core::ports::{self, StoreError, UsageRow};
use parking_lot::Mutex;

/// The usage rows. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    rows: Arc<Mutex<BTreeMap<(SubmissionId, TenantId), UsageRow>>>,
}

impl Usage {
    /// Every row as it stands, by submission and tenant.
    pub fn snapshot(&self) -> Vec<UsageRow> {
        self.rows.lock().values().cloned().collect()
    }
}

#[async_trait]
impl ports::Usage for Usage {
    async fn record(&self, rows: Vec<UsageRow>) -> Result<(), StoreError> {
        let mut stored = self.rows.lock();
        for row in rows {
            let key = (row.submission, row.tenant.clone());
            match stored.get_mut(&key) {
                Some(before) if planted(Fault::UsageTwice) => {
                    before.lines += row.lines;
                    before.input_tokens += row.input_tokens;
                    before.output_tokens += row.output_tokens;
                }
                Some(_) => {}
                None => {
                    stored.insert(key, row);
                }
            }
        }
        Ok(())
    }

    async fn of(&self, submission: SubmissionId) -> Result<Vec<UsageRow>, StoreError> {
        Ok(self.rows.lock().values().filter(|row| row.submission == submission).cloned().collect())
    }
}
