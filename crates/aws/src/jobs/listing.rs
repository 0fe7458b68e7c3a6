//! A tenant's jobs, newest first, by the index `by-tenant`.

use offpeak_core::ids::{JobId, TenantId};
use offpeak_core::job::{Job, StateKind};
use offpeak_core::ports::Page;

use super::read::BATCH;
use super::{Jobs, attributes as at, decode, encode};
use crate::dynamo::{Item, text};
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
        let mut place = match after {
            None => None,
            Some(after) => Some(self.place(tenant, after).await?),
        };
        let mut jobs: Vec<Job> = Vec::new();
        // One more than asked for tells whether more follow.
        let probe = limit.saturating_add(1);
        loop {
            // Where a kind is asked for, most rows may be of others.
            let wanted = if kind.is_some() { BATCH } else { (probe - jobs.len()).min(BATCH) };
            let (ids, next) = self.ids(tenant, place.take(), wanted).await?;
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

    /// Up to `limit` ids after a place, and the place that they reach unless it is the last.
    async fn ids(
        &self,
        tenant: &TenantId,
        after: Option<Item>,
        limit: usize,
    ) -> Result<(Vec<JobId>, Option<Item>), Fault> {
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(at::BY_TENANT)
            .key_condition_expression("#tenant = :tenant")
            .expression_attribute_names("#tenant", at::TENANT)
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after);
        let reply = request.send().await.map_err(|error| Fault::call("Query", &error))?;
        let ids = reply.items.unwrap_or_default().into_iter().map(decode::id).collect::<Result<_, _>>()?;
        Ok((ids, reply.last_evaluated_key))
    }

    /// Where a job of the tenant is in its listing.
    async fn place(&self, tenant: &TenantId, id: JobId) -> Result<Item, Fault> {
        let job = self.row(id).await?.filter(|job| job.tenant == *tenant).ok_or(Fault::NoSuch)?;
        let key = [
            (at::TENANT, text(tenant.as_str())),
            (at::BORN, encode::born(job.created_ms, id)),
            (at::ID, encode::key(id)),
        ];
        Ok(key.map(|(name, value)| (name.to_owned(), value)).into())
    }
}
