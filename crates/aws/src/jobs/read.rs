//! Reading rows by their ids.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use offpeak_core::ids::JobId;
use offpeak_core::job::Job;

use super::{Jobs, attributes as at, decode, encode};
use crate::dynamo::{BATCH, Item, look_up, now_s};
use crate::error::Fault;

/// Calls for [`BATCH`] rows each under way at once.
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
        let batches: Vec<Vec<[u8; 16]>> =
            wanted.chunks(BATCH).map(|batch| batch.iter().map(|id| id.0).collect()).collect();
        let found: Vec<Vec<Item>> = stream::iter(batches)
            .map(|batch| async move { look_up(&self.client, &self.table, &batch).await })
            .buffer_unordered(BATCHES)
            .try_collect()
            .await?;
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
}
