//! The rows of submissions, in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::faults::{Fault, planted};
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{self, StoreError};
use offpeak_core::submission::{State, Submission};
use parking_lot::Mutex;

/// The rows of submissions. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Submissions {
    rows: Arc<Mutex<BTreeMap<SubmissionId, Submission>>>,
}

impl Submissions {
    /// Every row as it stands, by ascending id.
    pub fn snapshot(&self) -> Vec<Submission> {
        self.rows.lock().values().cloned().collect()
    }

    /// The row as it stands, without awaiting.
    pub fn row(&self, id: SubmissionId) -> Option<Submission> {
        self.rows.lock().get(&id).cloned()
    }
}

#[async_trait]
impl ports::Submissions for Submissions {
    async fn create(&self, submission: &Submission) -> Result<(), StoreError> {
        let first = Submission { version: 1, ..submission.clone() };
        self.rows.lock().entry(submission.id).or_insert(first);
        Ok(())
    }

    async fn get(&self, id: SubmissionId) -> Result<Option<Submission>, StoreError> {
        Ok(self.row(id))
    }

    async fn replace(&self, submission: &Submission) -> Result<bool, StoreError> {
        let mut rows = self.rows.lock();
        let Some(row) = rows.get_mut(&submission.id) else {
            return Ok(false);
        };
        let unconditional = (matches!(submission.state, State::Sealed) && planted(Fault::SealUnconditional))
            || (matches!(submission.state, State::Open { .. }) && planted(Fault::LeaseUnconditional))
            || (matches!(submission.state, State::Collecting { results: Some(_), .. })
                && planted(Fault::SecondCollectorOverwrites));
        if row.version != submission.version && !unconditional {
            return Ok(false);
        }
        *row = Submission { version: submission.version + 1, ..submission.clone() };
        Ok(true)
    }

    async fn open(&self) -> Result<Vec<SubmissionId>, StoreError> {
        let rows = self.rows.lock();
        Ok(rows.values().filter(|row| !row.state.is_settled()).map(|row| row.id).collect())
    }
}

#[async_trait]
impl ports::SubmissionWalk for Submissions {
    async fn scan(&self, after: Option<SubmissionId>, limit: usize) -> Result<Vec<Submission>, StoreError> {
        let rows = self.rows.lock();
        Ok(rows.values().filter(|row| after.is_none_or(|after| row.id > after)).take(limit).cloned().collect())
    }
}

#[async_trait]
impl ports::SubmissionSweep for Submissions {
    async fn delete(&self, id: SubmissionId) -> Result<(), StoreError> {
        let mut rows = self.rows.lock();
        if rows.get(&id).is_some_and(|row| row.state.is_settled()) {
            rows.remove(&id);
        }
        Ok(())
    }
}
