//! The rows of callers' batches: each one document, in the index `open` while something is owed to it. From then on a `ttl`.
//!
//! ```text
//! tenant S   born B (created, id)   the keys of the index `by-tenant`; `born` is the order of the index `open` too
//! ```
//! Both indexes hold nothing but keys, so a row of 400 KB that changes is not written into them again.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use offpeak_core::batch::Batch;
use offpeak_core::ids::{NativeBatchId, TenantId};
use offpeak_core::ports::{self, BatchPage, BatchWalk, StoreError};

use crate::dynamo::{
    BATCH, BORN, Documents, EXPIRY, FIRST, ID, Item, Listing, Row, TENANT, born, ceil_s, look_up, now_s, number, owe,
    text,
};
use crate::error::Fault;

/// What faults call a row.
const WHAT: &str = "a batch's row";

/// The rows of callers' batches.
pub struct Batches {
    rows: Documents,
    retention_ms: u64,
}

impl Batches {
    /// The rows in that table, each kept `retention_ms` after its end.
    pub const fn new(client: Client, table: String, retention_ms: u64) -> Self {
        Self { rows: Documents::new(client, table, WHAT), retention_ms }
    }

    fn item(&self, batch: &Batch, version: u64) -> Result<Item, Fault> {
        let stored = Batch { version, ..batch.clone() };
        let mut item = self.rows.item(&batch.id.0, version, &stored)?;
        item.insert(TENANT.to_owned(), text(batch.tenant.as_str()));
        item.insert(BORN.to_owned(), born(batch.created_ms, &batch.id.0));
        if batch.is_open() {
            owe(&mut item);
        } else if let Some(ended_ms) = batch.times.ended_ms {
            item.insert(EXPIRY.to_owned(), number(ceil_s(ended_ms.saturating_add(self.retention_ms))));
        }
        Ok(item)
    }

    /// The rows of these ids, in their order; those that are gone are left out.
    async fn all(&self, ids: &[[u8; 16]]) -> Result<Vec<Batch>, Fault> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let items = look_up(&self.rows.client, &self.rows.table, ids).await?;
        let now_s = now_s();
        let mut rows = HashMap::with_capacity(ids.len());
        for item in items {
            let row: Option<Batch> = self.rows.read(item, now_s)?;
            rows.extend(row.map(|row| (row.id.0, row)));
        }
        Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
    }

    async fn page(&self, tenant: &TenantId, after: Option<NativeBatchId>, limit: usize) -> Result<BatchPage, Fault> {
        let listing = Listing { client: &self.rows.client, table: &self.rows.table, tenant, ascending: false };
        let mut place = match after {
            None => None,
            Some(after) => Some(listing.place(self.born(tenant, after).await?, &after.0)),
        };
        let mut batches = Vec::new();
        loop {
            // One more than asked for tells whether more follow.
            let wanted = (limit.saturating_add(1) - batches.len()).min(BATCH);
            let (keys, next) = listing.page(place, wanted).await?;
            let ids: Vec<[u8; 16]> =
                keys.into_iter().map(|key| Row::new(WHAT, key).bytes(ID)).collect::<Result<_, _>>()?;
            batches.extend(self.all(&ids).await?);
            place = next;
            if place.is_none() || batches.len() > limit {
                break;
            }
        }
        let has_more = batches.len() > limit;
        batches.truncate(limit);
        Ok(BatchPage { batches, has_more })
    }

    /// When a batch of the tenant was created.
    async fn born(&self, tenant: &TenantId, id: NativeBatchId) -> Result<u64, Fault> {
        let row: Option<Batch> = self.rows.find(&id.0).await?;
        row.filter(|batch| batch.tenant == *tenant).map(|batch| batch.created_ms).ok_or(Fault::NoSuch)
    }
}

#[async_trait]
impl ports::Batches for Batches {
    async fn create(&self, batch: &Batch) -> Result<(), StoreError> {
        self.rows.insert(self.item(batch, FIRST)?).await?;
        Ok(())
    }

    async fn get(&self, id: NativeBatchId) -> Result<Option<Batch>, StoreError> {
        Ok(self.rows.find(&id.0).await?)
    }

    async fn replace(&self, batch: &Batch) -> Result<bool, StoreError> {
        let version = batch.version;
        Ok(self.rows.exchange(self.item(batch, version.saturating_add(1))?, version).await?)
    }

    /// By an index that may lag behind the rows by a second or so; the rows are read as they stand.
    async fn list(
        &self,
        tenant: &TenantId,
        after: Option<NativeBatchId>,
        limit: usize,
    ) -> Result<BatchPage, StoreError> {
        Ok(self.page(tenant, after, limit).await?)
    }

    /// By an index that holds only these, and may lag behind the rows by a second or so: a row that is missing comes
    /// with the next call, and one that has ended since says so when it is read.
    async fn open(&self) -> Result<Vec<NativeBatchId>, StoreError> {
        Ok(self.rows.open().await?.into_iter().map(NativeBatchId).collect())
    }
}

/// In the table's own order, which is that of hashed ids: a page goes on where the one before it ended, so that all of
/// them read the table once. Only the operator's function, which a person starts, may call it.
#[async_trait]
impl BatchWalk for Batches {
    async fn scan(&self, after: Option<NativeBatchId>, limit: usize) -> Result<Vec<Batch>, StoreError> {
        Ok(self.rows.walk(after.map(|id| id.0), limit).await?)
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("table", &self.rows.table).finish_non_exhaustive()
    }
}
