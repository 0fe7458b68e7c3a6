//! The rows of callers' batches.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::batch::Batch;
use offpeak_core::ids::{NativeBatchId, TenantId};
use offpeak_core::ports::{self, BatchPage, BatchSweep, BatchWalk, StoreError};
use rusqlite::{OptionalExtension, params};

use crate::document::{self, FIRST, column};
use crate::error::Fault;
use crate::readers::{Reader, Readers};
use crate::writer::{Session, Writer};

/// The rows of callers' batches.
pub struct Batches {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl Batches {
    pub(crate) const fn new(writer: Arc<Writer>, readers: Arc<Readers>) -> Self {
        Self { writer, readers }
    }
}

#[async_trait]
impl ports::Batches for Batches {
    async fn create(&self, batch: &Batch) -> Result<(), StoreError> {
        let (row, tenant) = (Row::of(batch, FIRST)?, batch.tenant.clone());
        let sql = "INSERT INTO batches (id, version, tenant, created_ms, open, ended_ms, doc)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
        let work = move |session: &mut Session| {
            let row = params![row.id, FIRST, tenant.as_str(), row.created_ms, row.open, row.ended_ms, row.doc];
            session.connection.prepare_cached(sql)?.execute(row)?;
            Ok(())
        };
        self.writer.run(1, work).await
    }

    /// No point read: a row of 400 KB takes a millisecond.
    async fn get(&self, id: NativeBatchId) -> Result<Option<Batch>, StoreError> {
        let get = move |reader: &mut Reader| {
            let mut statement = reader.connection.prepare_cached("SELECT doc FROM batches WHERE id = ?1")?;
            let mut rows = statement.query([id.0])?;
            rows.next()?.map(read).transpose()
        };
        self.readers.scan(get).await
    }

    async fn replace(&self, batch: &Batch) -> Result<bool, StoreError> {
        let version = batch.version;
        let row = Row::of(batch, version.saturating_add(1))?;
        let sql = "UPDATE batches SET version = version + 1, open = ?3, ended_ms = ?4, doc = ?5
                   WHERE id = ?1 AND version = ?2";
        let work = move |session: &mut Session| {
            let row = params![row.id, version, row.open, row.ended_ms, row.doc];
            Ok(session.connection.prepare_cached(sql)?.execute(row)? == 1)
        };
        self.writer.run(1, work).await
    }

    async fn list(
        &self,
        tenant: &TenantId,
        after: Option<NativeBatchId>,
        limit: usize,
    ) -> Result<BatchPage, StoreError> {
        let tenant = tenant.clone();
        self.readers.scan(move |reader| list(reader, &tenant, after, limit)).await
    }

    async fn open(&self) -> Result<Vec<NativeBatchId>, StoreError> {
        let open = |reader: &mut Reader| {
            let mut statement = reader.connection.prepare_cached(OPEN)?;
            let ids = statement.query_map((), |row| Ok(NativeBatchId(row.get(0)?)))?;
            Ok(ids.collect::<Result<_, _>>()?)
        };
        self.readers.scan(open).await
    }
}

#[async_trait]
impl BatchWalk for Batches {
    async fn scan(&self, after: Option<NativeBatchId>, limit: usize) -> Result<Vec<Batch>, StoreError> {
        self.readers.scan(move |reader| scan(reader, after, limit)).await
    }
}

#[async_trait]
impl BatchSweep for Batches {
    async fn retire(&self, before_ms: u64, limit: usize) -> Result<usize, StoreError> {
        let work = move |session: &mut Session| {
            Ok(session.connection.prepare_cached(RETIRE)?.execute(params![column(before_ms), limit])?)
        };
        self.writer.run(limit, work).await
    }
}

const OPEN: &str = "SELECT id FROM batches WHERE open = 1 ORDER BY created_ms, id";
const PAGE: &str = "SELECT doc FROM batches WHERE tenant = ?1 AND (created_ms, id) < (?2, ?3)
    ORDER BY created_ms DESC, id DESC LIMIT ?4";
const SCAN: &str = "SELECT doc FROM batches WHERE id > ?1 ORDER BY id LIMIT ?2";
const RETIRE: &str = "DELETE FROM batches WHERE id IN
    (SELECT id FROM batches WHERE ended_ms < ?1 ORDER BY ended_ms LIMIT ?2)";

/// A batch as columns, but for its version and its tenant.
struct Row {
    id: [u8; 16],
    created_ms: i64,
    open: bool,
    ended_ms: Option<i64>,
    doc: String,
}

impl Row {
    fn of(batch: &Batch, version: u64) -> Result<Self, Fault> {
        let open = batch.is_open();
        Ok(Self {
            id: batch.id.0,
            created_ms: column(batch.created_ms),
            open,
            ended_ms: batch.times.ended_ms.filter(|_| !open).map(column),
            doc: document::write(&Batch { version, ..batch.clone() })?,
        })
    }
}

fn list(reader: &Reader, tenant: &TenantId, after: Option<NativeBatchId>, limit: usize) -> Result<BatchPage, Fault> {
    let (created_ms, id) = match after {
        None => (i64::MAX, Vec::new()),
        Some(after) => (place(reader, tenant, after)?, after.0.to_vec()),
    };
    let mut statement = reader.connection.prepare_cached(PAGE)?;
    // One more than asked for tells whether more follow; it need not be read.
    let mut rows = statement.query(params![tenant.as_str(), created_ms, id, limit.saturating_add(1)])?;
    let mut batches = Vec::new();
    while let Some(row) = rows.next()? {
        if batches.len() == limit {
            return Ok(BatchPage { batches, has_more: true });
        }
        batches.push(read(row)?);
    }
    Ok(BatchPage { batches, has_more: false })
}

/// Rows by ascending id.
pub(crate) fn scan(reader: &Reader, after: Option<NativeBatchId>, limit: usize) -> Result<Vec<Batch>, Fault> {
    let after: &[u8] = after.as_ref().map_or(&[], |id| &id.0);
    let mut statement = reader.connection.prepare_cached(SCAN)?;
    let mut rows = statement.query(params![after, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// When a batch of the tenant was created.
fn place(reader: &Reader, tenant: &TenantId, id: NativeBatchId) -> Result<i64, Fault> {
    let sql = "SELECT created_ms FROM batches WHERE id = ?1 AND tenant = ?2";
    let mut statement = reader.connection.prepare_cached(sql)?;
    statement.query_row(params![id.0, tenant.as_str()], |row| row.get(0)).optional()?.ok_or(Fault::NoSuch)
}

fn read(row: &rusqlite::Row<'_>) -> Result<Batch, Fault> {
    document::read(row, "a batch's document is unknown to this version")
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::plan;

    #[test]
    fn only_the_rows_that_are_wanted_are_looked_at() {
        for (sql, index) in [(OPEN, "batches_open"), (PAGE, "batches_by_tenant"), (RETIRE, "batches_by_end")] {
            let plan = plan(sql);
            assert!(plan.contains(&format!("INDEX {index}")) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
        }
    }
}
