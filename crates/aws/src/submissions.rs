//! The rows of submissions: each one document, in the index `open` while something is owed. A `ttl` once it is settled.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{self, Clock, StoreError, SubmissionWalk};
use offpeak_core::submission::Submission;

use crate::clock::SystemClock;
use crate::dynamo::{Documents, EXPIRY, FIRST, Item, ceil_s, number, owe};
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
}

#[async_trait]
impl ports::Submissions for Submissions {
    async fn create(&self, submission: &Submission) -> Result<(), StoreError> {
        self.rows.insert(self.item(submission, FIRST)?).await?;
        Ok(())
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

/// In the table's own order, which is that of hashed ids: a page goes on where the one before it ended, so that all of
/// them read the table once. Only the operator's function, which a person starts, may call it.
#[async_trait]
impl SubmissionWalk for Submissions {
    async fn scan(&self, after: Option<SubmissionId>, limit: usize) -> Result<Vec<Submission>, StoreError> {
        Ok(self.rows.walk(after.map(|id| id.0), limit).await?)
    }
}

impl fmt::Debug for Submissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submissions").field("table", &self.rows.table).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use offpeak_testkit::samples::Namespace;
    use serde_json::json;

    use super::*;
    use crate::dynamo::{ID, Script, bytes, wire};

    #[tokio::test]
    async fn a_walk_reads_each_row_once_and_goes_on_where_its_caller_is() {
        let names = Namespace::fresh();
        let rows = [names.submission(), names.submission(), names.submission()];
        let writer = Submissions::new(Script::new(&[]).client(), "submissions".to_owned(), 0);
        let item = |row: &Submission| wire(&writer.item(row, row.version).unwrap());
        let key = |row: &Submission| wire(&Item::from([(ID.to_owned(), bytes(&row.id.0))]));
        // The table's order is not that of the ids, and a page may end before it is full.
        let first = json!({"Items": [item(&rows[2])], "LastEvaluatedKey": key(&rows[2])}).to_string();
        let second = json!({"Items": [item(&rows[0])], "LastEvaluatedKey": key(&rows[0])}).to_string();
        let last = json!({"Items": [item(&rows[1])]}).to_string();
        let script = Script::new(&[(200, &first), (200, &second), (200, &last)]);
        let submissions = Submissions::new(script.client(), "submissions".to_owned(), 0);
        assert_eq!(submissions.scan(None, 2).await.unwrap(), [rows[2].clone(), rows[0].clone()]);
        assert_eq!(submissions.scan(Some(rows[0].id), 2).await.unwrap(), [rows[1].clone()]);
        let asked: Vec<_> =
            script.requests().iter().map(|one| (one["ExclusiveStartKey"].clone(), one["Limit"].clone())).collect();
        assert_eq!(asked, [(json!(null), json!(2)), (key(&rows[2]), json!(1)), (key(&rows[0]), json!(2))]);
    }
}
