//! A tenant's jobs, newest first, by the index `by-tenant`.

use offpeak_core::ids::{JobId, TenantId};
use offpeak_core::job::{Job, StateKind};
use offpeak_core::ports::Page;

use super::{Jobs, decode};
use crate::dynamo::{BATCH, Listing};
use crate::error::Fault;

impl Jobs {
    /// One page of a tenant's jobs.
    pub(super) async fn page(
        &self,
        tenant: &TenantId,
        kind: Option<StateKind>,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page, Fault> {
        if !self.index {
            return Err(Fault::Off("index of jobs"));
        }
        let listing = Listing { client: &self.client, table: &self.table, tenant, ascending: false };
        let mut place = match after {
            None => None,
            Some(after) => Some(listing.place(self.born(tenant, after).await?, &after.0)),
        };
        let mut jobs: Vec<Job> = Vec::new();
        // One more than asked for tells whether more follow.
        let probe = limit.saturating_add(1);
        loop {
            // Where a kind is asked for, most rows may be of others.
            let wanted = if kind.is_some() { BATCH } else { (probe - jobs.len()).min(BATCH) };
            let (keys, next) = listing.page(place.take(), wanted).await?;
            let ids: Vec<JobId> = keys.into_iter().map(decode::id).collect::<Result<_, _>>()?;
            let rows = if ids.is_empty() { Vec::new() } else { self.rows(&ids).await? };
            jobs.extend(rows.into_iter().flatten().filter(|job| kind.is_none_or(|kind| job.state.kind() == kind)));
            if next.is_none() || jobs.len() > limit {
                break;
            }
            place = next;
        }
        let has_more = jobs.len() > limit;
        jobs.truncate(limit);
        Ok(Page { jobs, has_more })
    }

    /// When a job of the tenant was created.
    async fn born(&self, tenant: &TenantId, id: JobId) -> Result<u64, Fault> {
        let job = self.row(id).await?.filter(|job| job.tenant == *tenant).ok_or(Fault::NoSuch)?;
        Ok(job.created_ms)
    }
}
