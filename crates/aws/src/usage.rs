//! What was used: one row per submission and tenant.
//!
//! ```text
//! submission B   tenant S   model S   lines input output N   ttl N (s)
//! ```

use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use offpeak_core::ids::{SubmissionId, TenantId};
use offpeak_core::ports::{self, StoreError, UsageRow};

use crate::dynamo::{EXPIRY, Item, Row, bytes, in_order, is_live, now_s, number, put, text};
use crate::error::Fault;

const SUBMISSION: &str = "submission";
const TENANT: &str = "tenant";
const MODEL: &str = "model";
const LINES: &str = "lines";
const INPUT: &str = "input";
const OUTPUT: &str = "output";
/// What faults call a row.
const WHAT: &str = "a usage row";

/// How long a row is kept: a year, and a month to settle accounts.
const KEPT_S: u64 = 400 * 86_400;

/// The usage rows.
pub struct Usage {
    client: Client,
    table: String,
}

impl Usage {
    /// The rows in that table.
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn insert(&self, row: UsageRow) -> Result<(), Fault> {
        let item = Item::from([
            (SUBMISSION.to_owned(), bytes(&row.submission.0)),
            (TENANT.to_owned(), text(row.tenant.as_str())),
            (MODEL.to_owned(), text(&row.model)),
            (LINES.to_owned(), number(row.lines)),
            (INPUT.to_owned(), number(row.input_tokens)),
            (OUTPUT.to_owned(), number(row.output_tokens)),
            (EXPIRY.to_owned(), number(now_s().saturating_add(KEPT_S))),
        ]);
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#submission)")
            .expression_attribute_names("#submission", SUBMISSION);
        put(request).await.map(drop)
    }

    async fn all(&self, submission: SubmissionId) -> Result<Vec<UsageRow>, Fault> {
        let now_s = now_s();
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let request = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("#submission = :submission")
                .expression_attribute_names("#submission", SUBMISSION)
                .expression_attribute_values(":submission", bytes(&submission.0))
                .consistent_read(true)
                .set_exclusive_start_key(after);
            let reply = request.send().await.map_err(|error| Fault::call("Query", &error))?;
            for item in reply.items.unwrap_or_default() {
                if is_live(WHAT, &item, now_s)? {
                    rows.push(read(item)?);
                }
            }
            after = reply.last_evaluated_key;
            if after.is_none() {
                return Ok(rows);
            }
        }
    }
}

#[async_trait]
impl ports::Usage for Usage {
    async fn record(&self, rows: Vec<UsageRow>) -> Result<(), StoreError> {
        in_order(rows, |row| (row.submission, row.tenant.clone()), |row| self.insert(row)).await?;
        Ok(())
    }

    async fn of(&self, submission: SubmissionId) -> Result<Vec<UsageRow>, StoreError> {
        Ok(self.all(submission).await?)
    }
}

fn read(item: Item) -> Result<UsageRow, Fault> {
    let mut row = Row::new(WHAT, item);
    Ok(UsageRow {
        submission: SubmissionId(row.bytes(SUBMISSION)?),
        tenant: TenantId(row.text(TENANT)?),
        model: row.text(MODEL)?,
        lines: row.number(LINES)?,
        input_tokens: row.number(INPUT)?,
        output_tokens: row.number(OUTPUT)?,
    })
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usage").field("table", &self.table).finish_non_exhaustive()
    }
}
