//! The rows of submissions: each one document, with what is searched and compared beside it.
//!
//! ```text
//! id B   version N   open S "1" while something is owed: the key of the index `open`   ttl N (s) once settled
//! doc S  the row as JSON
//! ```

use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{self, Clock, StoreError, SubmissionWalk};
use offpeak_core::submission::Submission;

use crate::clock::SystemClock;
use crate::dynamo::{EXPIRY, Item, Outcome, Row, bytes, ceil_s, is_live, now_s, number, put, text};
use crate::error::Fault;

const ID: &str = "id";
const VERSION: &str = "version";
/// The index's key, and its name.
const OPEN: &str = "open";
/// The key's only value.
const OWED: &str = "1";
const DOC: &str = "doc";
/// What faults call a row.
const WHAT: &str = "a submission's row";

/// The first version.
const FIRST: u64 = 1;
/// How long a settled row outlives the retention: a job that names it may run to its deadline of 13 days, and its row
/// stays for 14 days more than that and the retention.
const AFTER_SETTLED_MS: u64 = 27 * 86_400_000;

/// The rows of submissions.
pub struct Submissions {
    client: Client,
    table: String,
    retention_ms: u64,
}

impl Submissions {
    /// The rows in that table; jobs are kept `retention_ms` after their end.
    pub const fn new(client: Client, table: String, retention_ms: u64) -> Self {
        Self { client, table, retention_ms }
    }

    fn item(&self, submission: &Submission, version: u64) -> Result<Item, Fault> {
        let stored = Submission { version, ..submission.clone() };
        let doc = serde_json::to_string(&stored).map_err(|_| Fault::Unwritable("a submission"))?;
        let mut item = Item::from([
            (ID.to_owned(), bytes(&submission.id.0)),
            (VERSION.to_owned(), number(version)),
            (DOC.to_owned(), text(&doc)),
        ]);
        if submission.state.is_settled() {
            let gone_ms = SystemClock.now_ms().saturating_add(self.retention_ms).saturating_add(AFTER_SETTLED_MS);
            item.insert(EXPIRY.to_owned(), number(ceil_s(gone_ms)));
        } else {
            item.insert(OPEN.to_owned(), text(OWED));
        }
        Ok(item)
    }

    async fn find(&self, id: SubmissionId) -> Result<Option<Submission>, Fault> {
        let request = self.client.get_item().table_name(&self.table).key(ID, bytes(&id.0)).consistent_read(true);
        let reply = request.send().await.map_err(|error| Fault::call("GetItem", &error))?;
        Ok(reply.item.map(|item| read(item, now_s())).transpose()?.flatten())
    }

    async fn insert(&self, submission: &Submission) -> Result<(), Fault> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(self.item(submission, FIRST)?))
            .condition_expression("attribute_not_exists(#id)")
            .expression_attribute_names("#id", ID);
        put(request).await.map(drop)
    }

    async fn exchange(&self, submission: &Submission) -> Result<bool, Fault> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(self.item(submission, submission.version.saturating_add(1))?))
            .condition_expression("#version = :version AND (attribute_not_exists(#ttl) OR #ttl >= :now)")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#ttl", EXPIRY)
            .expression_attribute_values(":version", number(submission.version))
            .expression_attribute_values(":now", number(now_s()));
        Ok(matches!(put(request).await?, Outcome::Written))
    }

    async fn owed(&self) -> Result<Vec<SubmissionId>, Fault> {
        let mut ids = Vec::new();
        let mut after = None;
        loop {
            let request = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(OPEN)
                .key_condition_expression("#open = :owed")
                .expression_attribute_names("#open", OPEN)
                .expression_attribute_values(":owed", text(OWED))
                .set_exclusive_start_key(after);
            let reply = request.send().await.map_err(|error| Fault::call("Query", &error))?;
            for item in reply.items.unwrap_or_default() {
                ids.push(SubmissionId(Row::new(WHAT, item).bytes(ID)?));
            }
            after = reply.last_evaluated_key;
            if after.is_none() {
                return Ok(ids);
            }
        }
    }

    /// Up to `limit` rows in the table's order, after the row `after`; none only at the end.
    async fn walk(&self, after: Option<SubmissionId>, limit: usize) -> Result<Vec<Submission>, Fault> {
        let now_s = now_s();
        let mut rows = Vec::new();
        let mut after = after.map(|id| Item::from([(ID.to_owned(), bytes(&id.0))]));
        while rows.len() < limit {
            let left = i32::try_from(limit - rows.len()).unwrap_or(i32::MAX);
            let request = self.client.scan().table_name(&self.table).consistent_read(true).limit(left);
            let request = request.set_exclusive_start_key(after);
            let reply = request.send().await.map_err(|error| Fault::call("Scan", &error))?;
            for item in reply.items.unwrap_or_default() {
                rows.extend(read(item, now_s)?);
            }
            after = reply.last_evaluated_key;
            if after.is_none() {
                break;
            }
        }
        Ok(rows)
    }
}

#[async_trait]
impl ports::Submissions for Submissions {
    async fn create(&self, submission: &Submission) -> Result<(), StoreError> {
        Ok(self.insert(submission).await?)
    }

    async fn get(&self, id: SubmissionId) -> Result<Option<Submission>, StoreError> {
        Ok(self.find(id).await?)
    }

    async fn replace(&self, submission: &Submission) -> Result<bool, StoreError> {
        Ok(self.exchange(submission).await?)
    }

    /// By an index that holds only these, and may lag behind the rows by a second or so: a row that is missing comes
    /// with the next call, and one that has been settled since says so when it is read.
    async fn open(&self) -> Result<Vec<SubmissionId>, StoreError> {
        Ok(self.owed().await?)
    }
}

/// In the table's own order, which is that of hashed ids: a page goes on where the one before it ended, so that all of
/// them read the table once. Only the operator's function, which a person starts, may call it.
#[async_trait]
impl SubmissionWalk for Submissions {
    async fn scan(&self, after: Option<SubmissionId>, limit: usize) -> Result<Vec<Submission>, StoreError> {
        Ok(self.walk(after, limit).await?)
    }
}

/// The row of an item, unless it is past its time at that second.
fn read(item: Item, now_s: u64) -> Result<Option<Submission>, Fault> {
    if !is_live(WHAT, &item, now_s)? {
        return Ok(None);
    }
    let mut row = Row::new(WHAT, item);
    let doc = row.text(DOC)?;
    serde_json::from_str(&doc).map(Some).map_err(|_| row.garbled(DOC))
}

impl fmt::Debug for Submissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submissions").field("table", &self.table).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use offpeak_core::ports::Submissions as _;
    use offpeak_testkit::samples::Namespace;
    use serde_json::json;

    use super::*;
    use crate::dynamo::{Script, wire};

    #[tokio::test]
    async fn open_goes_on_where_a_page_ends() {
        let key = |n: u8| wire(&Item::from([(OPEN.to_owned(), text(OWED)), (ID.to_owned(), bytes(&[n; 16]))]));
        let first = json!({"Items": [key(1), key(2)], "LastEvaluatedKey": key(2)}).to_string();
        let none = json!({"Items": [], "LastEvaluatedKey": key(3)}).to_string();
        let last = json!({"Items": [key(4)]}).to_string();
        let script = Script::new(&[(200, &first), (200, &none), (200, &last)]);
        let submissions = Submissions::new(script.client(), "submissions".to_owned(), 0);
        let ids: Vec<u8> = submissions.open().await.unwrap().iter().map(|id| id.0[0]).collect();
        assert_eq!(ids, [1, 2, 4]);
        let asked: Vec<_> = script.requests().iter().map(|request| request["ExclusiveStartKey"].clone()).collect();
        assert_eq!(asked, [json!(null), key(2), key(3)]);
        assert!(script.requests().iter().all(|request| request["IndexName"] == OPEN), "no scan");
    }

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
