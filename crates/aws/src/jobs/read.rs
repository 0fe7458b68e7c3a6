//! Reading rows by their ids.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::{StreamExt, TryStreamExt, stream};
use offpeak_core::ids::JobId;
use offpeak_core::job::Job;

use super::{Jobs, attributes as at, decode, encode};
use crate::backoff::Backoff;
use crate::dynamo::{Item, now_s};
use crate::error::Fault;

/// Rows that one `BatchGetItem` takes (quota, read 2026-11-20).
pub(super) const BATCH: usize = 100;
/// Such calls under way at once.
const BATCHES: usize = 8;

impl Jobs {
    /// The rows of these ids, in their order.
    pub(super) async fn rows(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, Fault> {
        if let [id] = ids {
            return Ok(vec![self.row(*id).await?]);
        }
        let mut wanted = ids.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let batches: Vec<Vec<JobId>> = wanted.chunks(BATCH).map(<[JobId]>::to_vec).collect();
        let found: Vec<Vec<Item>> =
            stream::iter(batches).map(|batch| self.batch(batch)).buffer_unordered(BATCHES).try_collect().await?;
        let now_s = now_s();
        let mut rows = HashMap::with_capacity(wanted.len());
        for item in found.into_iter().flatten() {
            if let Some(job) = decode::live(item, now_s)? {
                rows.insert(job.id, job);
            }
        }
        Ok(ids.iter().map(|id| rows.get(id).cloned()).collect())
    }

    /// One row.
    pub(super) async fn row(&self, id: JobId) -> Result<Option<Job>, Fault> {
        let request = self.client.get_item().table_name(&self.table).key(at::ID, encode::key(id));
        let reply = request.consistent_read(true).send().await.map_err(|error| Fault::call("GetItem", &error))?;
        Ok(reply.item.map(|item| decode::live(item, now_s())).transpose()?.flatten())
    }

    /// Up to [`BATCH`] different rows, in any order.
    async fn batch(&self, ids: Vec<JobId>) -> Result<Vec<Item>, Fault> {
        let mut found = Vec::with_capacity(ids.len());
        let mut keys: Vec<Item> =
            ids.into_iter().map(|id| Item::from([(at::ID.to_owned(), encode::key(id))])).collect();
        let mut backoff = Backoff::default();
        loop {
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let wanted = wanted.map_err(|_| Fault::Unwritable("a request"))?;
            let request = self.client.batch_get_item().request_items(&self.table, wanted);
            let reply = request.send().await.map_err(|error| Fault::call("BatchGetItem", &error))?;
            let items: Vec<Item> = reply.responses.unwrap_or_default().into_values().flatten().collect();
            keys = reply.unprocessed_keys.unwrap_or_default().into_values().flat_map(|left| left.keys).collect();
            if keys.is_empty() {
                found.extend(items);
                return Ok(found);
            }
            if !items.is_empty() {
                // Only a table that gives nothing is pressed too hard.
                backoff = Backoff::default();
            }
            found.extend(items);
            if !backoff.again().await {
                return Err(Fault::Throttled("BatchGetItem"));
            }
        }
    }
}
