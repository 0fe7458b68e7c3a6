//! Walking all rows.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use offpeak_core::ids::JobId;
use offpeak_core::job::{Job, StateKind};
use rusqlite::params;

use super::read::{COLUMNS, all};
use crate::error::Fault;
use crate::readers::Reader;
use crate::writer::Session;

/// Rows lie in order of arrival: one accepted this long after the horizon ends the search for what ended before it.
const CLOCK_SLACK_MS: u64 = 86_400_000;

static OVERDUE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {COLUMNS} FROM jobs WHERE open = 1 AND deadline_ms BETWEEN ?3 AND ?1 \
         AND (deadline_ms, id) > (?3, ?4) ORDER BY deadline_ms, id LIMIT ?2"
    )
});
static SCAN: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {COLUMNS} FROM jobs WHERE id > ?1 ORDER BY id LIMIT ?2"));

/// Open rows past their deadline, the longest overdue first.
pub(crate) fn overdue(
    reader: &mut Reader,
    now_ms: u64,
    after: Option<(u64, JobId)>,
    limit: usize,
) -> Result<Vec<Job>, Fault> {
    let whole = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let (deadline_ms, id): (i64, &[u8]) =
        after.as_ref().map_or((-1, &[]), |(deadline_ms, id)| (whole(*deadline_ms), &id.0));
    all(reader, &OVERDUE, params![whole(now_ms), limit, deadline_ms, id])
}

/// Rows by ascending id. Ids are hashes, so the row `after` need not be there any more.
pub(crate) fn scan(reader: &mut Reader, after: Option<JobId>, limit: usize) -> Result<Vec<Job>, Fault> {
    let after: &[u8] = after.as_ref().map_or(&[], |id| &id.0);
    all(reader, &SCAN, params![after, limit])
}

/// How many rows are in each state; states without rows are left out.
pub(crate) fn counts(reader: &mut Reader) -> Result<Vec<(StateKind, u64)>, Fault> {
    // Counted here: SQLite would sort all rows in order to group them.
    let mut statement = reader.connection.prepare_cached("SELECT state FROM jobs")?;
    let mut rows = statement.query(())?;
    let mut counts = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let kind = row.get_ref(0)?.as_str().ok().and_then(StateKind::from_name);
        *counts.entry(kind.ok_or(Fault::Garbled("a job's state is unknown to this version"))?).or_default() += 1;
    }
    Ok(counts.into_iter().collect())
}

/// The numbers of rows that were final before the horizon, the first to arrive first.
pub(super) fn retirable(reader: &mut Reader, before_ms: u64, limit: usize) -> Result<Vec<i64>, Fault> {
    let mut statement =
        reader.connection.prepare_cached("SELECT seq, open, finished_ms, created_ms FROM jobs ORDER BY seq")?;
    let mut rows = statement.query(())?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let (open, finished_ms, created_ms): (Option<bool>, u64, u64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        if open.is_none() && finished_ms < before_ms {
            found.push(row.get(0)?);
        }
        if created_ms > before_ms.saturating_add(CLOCK_SLACK_MS) {
            break;
        }
    }
    Ok(found)
}

/// Deletes what was found, unless its number has been given to another row since.
pub(super) fn retire(session: &mut Session, before_ms: u64, found: &[i64]) -> Result<usize, Fault> {
    let sql = "DELETE FROM jobs WHERE seq = ?1 AND open IS NULL AND finished_ms < ?2";
    let mut statement = session.connection.prepare_cached(sql)?;
    let mut gone = 0;
    for seq in found {
        gone += statement.execute(params![seq, before_ms])?;
    }
    Ok(gone)
}
