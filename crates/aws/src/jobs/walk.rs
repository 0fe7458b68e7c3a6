//! Walking the whole table.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use offpeak_core::ids::JobId;
use offpeak_core::job::{Job, StateKind};

use super::{Jobs, attributes as at, decode, encode};
use crate::dynamo::{EXPIRY, Item, now_s};
use crate::error::Fault;

impl Jobs {
    /// How many rows are in each state.
    pub(super) async fn count_all(&self) -> Result<Vec<(StateKind, u64)>, Fault> {
        let now_s = now_s();
        let mut counts: BTreeMap<StateKind, u64> = BTreeMap::new();
        let mut after = None;
        loop {
            let request = self
                .whole_table(after)
                .projection_expression("#s, #ttl")
                .expression_attribute_names("#s", at::STATE)
                .expression_attribute_names("#ttl", EXPIRY);
            let (items, next) = scan(request).await?;
            for item in items {
                if let Some(kind) = decode::live_kind(item, now_s)? {
                    *counts.entry(kind).or_default() += 1;
                }
            }
            after = next;
            if after.is_none() {
                return Ok(counts.into_iter().collect());
            }
        }
    }

    /// Up to `limit` rows in the table's order, after the row `after`; none only at the end.
    pub(super) async fn walk(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>, Fault> {
        let now_s = now_s();
        let mut jobs = Vec::new();
        let mut after = after.map(|id| Item::from([(at::ID.to_owned(), encode::key(id))]));
        while jobs.len() < limit {
            let left = i32::try_from(limit - jobs.len()).unwrap_or(i32::MAX);
            let (items, next) = scan(self.whole_table(after).limit(left)).await?;
            for item in items {
                jobs.extend(decode::live(item, now_s)?);
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(jobs)
    }

    /// A request for the page after that key, with every write acknowledged before.
    fn whole_table(&self, after: Option<Item>) -> ScanFluentBuilder {
        self.client.scan().table_name(&self.table).consistent_read(true).set_exclusive_start_key(after)
    }
}

/// One page, and the key to go on from.
async fn scan(request: ScanFluentBuilder) -> Result<(Vec<Item>, Option<Item>), Fault> {
    let reply = request.send().await.map_err(|error| Fault::call("Scan", &error))?;
    Ok((reply.items.unwrap_or_default(), reply.last_evaluated_key))
}
