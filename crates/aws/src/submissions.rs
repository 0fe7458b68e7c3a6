//! The rows of submissions: each one document, in the index `open` while something is owed. A `ttl` once it is settled.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{self, Clock, StoreError, SubmissionWalk};
use offpeak_core::submission::Submission;

use crate::clock::SystemClock;
use crate::dynamo::{Documents, EXPIRY, FIRST, Item, ceil_s, now_s, number, owe};
use crate::error::Fault;

/// How long a settled row outlives the retention: a job that names it may run to its deadline of 13 days, and its row
/// stays for 14 days more than that and the retention.
const AFTER_SETTLED_MS: u64 = 27 * 86_400_000;

/// The rows of submissions.
pub struct Submissions {
    rows: Documents,
    retention_ms: u64,
}

impl Submissions {
    /// The rows in that table; jobs are kept `retention_ms` after their end.
    pub const fn new(client: Client, table: String, retention_ms: u64) -> Self {
        Self { rows: Documents::new(client, table, "a submission's row"), retention_ms }
    }

    fn item(&self, submission: &Submission, version: u64) -> Result<Item, Fault> {
        let stored = Submission { version, ..submission.clone() };
        let mut item = self.rows.item(&submission.id.0, version, &stored)?;
        if submission.state.is_settled() {
            let gone_ms = SystemClock.now_ms().saturating_add(self.retention_ms).saturating_add(AFTER_SETTLED_MS);
            item.insert(EXPIRY.to_owned(), number(ceil_s(gone_ms)));
        } else {
            owe(&mut item);
        }
        Ok(item)
    }

    async fn walk(&self, after: Option<SubmissionId>, limit: usize) -> Result<Vec<Submission>, Fault> {
        let now_s = now_s();
        let mut lowest: BTreeMap<SubmissionId, Submission> = BTreeMap::new();
        let mut place = None;
        loop {
            let request = self.rows.client.scan().table_name(&self.rows.table).consistent_read(true);
            let request = request.set_exclusive_start_key(place);
            let reply = request.send().await.map_err(|error| Fault::call("Scan", &error))?;
            for item in reply.items.unwrap_or_default() {
                let row: Option<Submission> = self.rows.read(item, now_s)?;
                let row = row.filter(|row| after.is_none_or(|after| row.id > after));
                lowest.extend(row.map(|row| (row.id, row)));
                if lowest.len() > limit {
                    lowest.pop_last();
                }
            }
            place = reply.last_evaluated_key;
            if place.is_none() {
                return Ok(lowest.into_values().collect());
            }
        }
    }
}

#[async_trait]
impl ports::Submissions for Submissions {
    async fn create(&self, submission: &Submission) -> Result<(), StoreError> {
        Ok(self.rows.insert(self.item(submission, FIRST)?).await?)
    }

    async fn get(&self, id: SubmissionId) -> Result<Option<Submission>, StoreError> {
        Ok(self.rows.find(&id.0).await?)
    }

    async fn replace(&self, submission: &Submission) -> Result<bool, StoreError> {
        let version = submission.version;
        Ok(self.rows.exchange(self.item(submission, version.saturating_add(1))?, version).await?)
    }

    /// By an index that holds only these, and may lag behind the rows by a second or so: a row that is missing comes
    /// with the next call, and one that has been settled since says so when it is read.
    async fn open(&self) -> Result<Vec<SubmissionId>, StoreError> {
        Ok(self.rows.open().await?.into_iter().map(SubmissionId).collect())
    }
}

/// Every call reads the whole table, since it is not in the order of its ids: one with a high limit is as dear as one
/// with a low one. Only the operator's function, which a person starts, may call it.
#[async_trait]
impl SubmissionWalk for Submissions {
    async fn scan(&self, after: Option<SubmissionId>, limit: usize) -> Result<Vec<Submission>, StoreError> {
        Ok(self.walk(after, limit).await?)
    }
}

impl fmt::Debug for Submissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submissions").field("table", &self.rows.table).finish_non_exhaustive()
    }
}
