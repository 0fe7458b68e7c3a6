//! A tenant's jobs, newest first.

use std::sync::LazyLock;

use offpeak_core::ids::{JobId, TenantId};
use offpeak_core::job::StateKind;
use offpeak_core::ports::Page;
use rusqlite::{OptionalExtension, params};

use super::read::{COLUMNS, all};
use crate::error::Fault;
use crate::readers::Reader;

/// The kind is NULL where any will do.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {COLUMNS} FROM jobs
         WHERE tenant = (SELECT id FROM names WHERE name = ?1)
           AND created_ms <= ?2 AND (created_ms < ?2 OR seq < ?3) AND (?4 IS NULL OR state = ?4)
         ORDER BY created_ms DESC, seq DESC LIMIT ?5"
    )
});

/// One page of a tenant's jobs.
pub(crate) fn list(
    reader: &mut Reader,
    tenant: &TenantId,
    kind: Option<StateKind>,
    after: Option<JobId>,
    limit: usize,
) -> Result<Page, Fault> {
    let (created_ms, seq) = match after {
        None => (i64::MAX, i64::MAX),
        Some(after) => place(reader, tenant, after)?,
    };
    let kind = kind.map(StateKind::name);
    // One more than asked for tells whether more follow.
    let probe = limit.saturating_add(1);
    let mut jobs = all(reader, &PAGE, params![tenant.as_str(), created_ms, seq, kind, probe])?;
    let has_more = jobs.len() > limit;
    jobs.truncate(limit);
    Ok(Page { jobs, has_more })
}

/// Where a job of the tenant is in its listing.
fn place(reader: &Reader, tenant: &TenantId, job: JobId) -> Result<(i64, i64), Fault> {
    reader
        .connection
        .prepare_cached(
            "SELECT created_ms, seq FROM jobs WHERE id = ?1 AND tenant = (SELECT id FROM names WHERE name = ?2)",
        )?
        .query_row(params![job.0, tenant.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or(Fault::NoSuch)
}
