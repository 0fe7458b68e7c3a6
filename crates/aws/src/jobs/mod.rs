//! The rows of jobs: one item each, written three times in the life of a lone job.
//!
//! A row is one write unit as long as its item is within 1 KB, so names are short ([`attributes`]), ids and hashes are
//! binary, what is empty is left out, and a write touches only what it changes. No write reads before or after: where
//! its condition fails, DynamoDB returns the row as it stands.

mod attributes;
mod decode;
mod encode;
mod listing;
mod read;
#[cfg(test)]
mod tests;
mod walk;
mod write;

use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use offpeak_core::ids::{JobId, TenantId};
use offpeak_core::job::{Job, Mark, StateKind, Transition};
use offpeak_core::ports::{self, Created, JobIndex, JobWalk, Page, StoreError, Written};

use crate::dynamo::in_order;

/// The rows of jobs.
pub struct Jobs {
    client: Client,
    table: String,
    retention_ms: u64,
    index: bool,
}

impl Jobs {
    /// The rows in that table, each kept `retention_ms` after its end. `index`: whether the table has the index
    /// `by-tenant`; without it rows leave out its key, and listing is refused.
    pub const fn new(client: Client, table: String, retention_ms: u64, index: bool) -> Self {
        Self { client, table, retention_ms, index }
    }
}

#[async_trait]
impl ports::Jobs for Jobs {
    async fn create(&self, jobs: Vec<Job>) -> Result<Vec<Created>, StoreError> {
        Ok(in_order(jobs, |job| job.id, |job| self.create_one(job)).await?)
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        Ok(self.rows(ids).await?)
    }

    async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<Written>, StoreError> {
        Ok(in_order(transitions, |transition| transition.job, |transition| self.apply_one(transition)).await?)
    }

    async fn mark(&self, id: JobId, mark: Mark) -> Result<Written, StoreError> {
        Ok(self.mark_one(id, mark).await?)
    }
}

#[async_trait]
impl JobIndex for Jobs {
    /// The index may lag behind the rows by a second or so. One query for a page; rows of another kind are read and
    /// passed over, so a kind that few rows are in costs as much as all of the tenant's rows.
    async fn list(
        &self,
        tenant: &TenantId,
        kind: Option<StateKind>,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        Ok(self.page(tenant, kind, after, limit).await?)
    }
}

/// Both read the whole table: $0.03 for a million rows of 1 KB ($0.125 for a million read units, each 4 KB; on demand,
/// us-east-1, read 2026-11-20), but minutes, and the price grows with all that is kept. Only the operator's function,
/// which a person starts, may call them.
#[async_trait]
impl JobWalk for Jobs {
    async fn counts(&self) -> Result<Vec<(StateKind, u64)>, StoreError> {
        Ok(self.count_all().await?)
    }

    /// In the table's own order, which is that of hashed ids.
    async fn scan(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>, StoreError> {
        Ok(self.walk(after, limit).await?)
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").field("table", &self.table).field("index", &self.index).finish_non_exhaustive()
    }
}
