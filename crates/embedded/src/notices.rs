//! The outbox.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::{NoticeId, TenantId};
use offpeak_core::notice::{Notice, State};
use offpeak_core::ports::{self, NoticePage, NoticeSweep, StoreError};
use rusqlite::{OptionalExtension, params};

use crate::document::{self, FIRST, column};
use crate::error::Fault;
use crate::readers::{Reader, Readers};
use crate::writer::{Session, Writer};

/// The outbox.
pub struct Notices {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl Notices {
    pub(crate) const fn new(writer: Arc<Writer>, readers: Arc<Readers>) -> Self {
        Self { writer, readers }
    }
}

const CREATE: &str = "INSERT INTO notices (id, version, tenant, created_ms, due_ms, ended_ms, dead, doc)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
const REPLACE: &str = "UPDATE notices SET version = version + 1, due_ms = ?3, ended_ms = ?4, dead = ?5, doc = ?6
    WHERE id = ?1 AND version = ?2";
const DUE: &str = "SELECT id FROM notices WHERE due_ms <= ?1 ORDER BY due_ms, id LIMIT ?2";
const DEAD: &str = "SELECT doc FROM notices WHERE dead = 1 AND tenant = ?1 AND (created_ms, id) < (?2, ?3)
    ORDER BY created_ms DESC, id DESC LIMIT ?4";
const RETIRE: &str = "DELETE FROM notices WHERE id IN
    (SELECT id FROM notices WHERE ended_ms < ?1 ORDER BY ended_ms LIMIT ?2)";

#[async_trait]
impl ports::Notices for Notices {
    async fn create(&self, notices: Vec<Notice>) -> Result<(), StoreError> {
        let rows: Vec<Row> = notices.iter().map(|notice| Row::of(notice, FIRST)).collect::<Result<_, _>>()?;
        let tenants: Vec<TenantId> = notices.into_iter().map(|notice| notice.tenant).collect();
        let weight = rows.len();
        let work = move |session: &mut Session| {
            let mut statement = session.connection.prepare_cached(CREATE)?;
            for (row, tenant) in rows.iter().zip(&tenants) {
                let Row { id, created_ms, due_ms, ended_ms, dead, doc } = row;
                statement.execute(params![id, FIRST, tenant.as_str(), created_ms, due_ms, ended_ms, dead, doc])?;
            }
            Ok(())
        };
        self.writer.run(weight, work).await
    }

    async fn get(&self, id: NoticeId) -> Result<Option<Notice>, StoreError> {
        self.readers.point(|reader| {
            let mut statement = reader.connection.prepare_cached("SELECT doc FROM notices WHERE id = ?1")?;
            let mut rows = statement.query([id.0])?;
            rows.next()?.map(read).transpose()
        })
    }

    async fn replace(&self, notice: &Notice) -> Result<bool, StoreError> {
        let version = notice.version;
        let row = Row::of(notice, version.saturating_add(1))?;
        let work = move |session: &mut Session| {
            let row = params![row.id, version, row.due_ms, row.ended_ms, row.dead, row.doc];
            Ok(session.connection.prepare_cached(REPLACE)?.execute(row)? == 1)
        };
        self.writer.run(1, work).await
    }

    async fn due(&self, now_ms: u64, limit: usize) -> Result<Vec<NoticeId>, StoreError> {
        let due = move |reader: &mut Reader| {
            let mut statement = reader.connection.prepare_cached(DUE)?;
            let ids = statement.query_map(params![column(now_ms), limit], |row| Ok(NoticeId(row.get(0)?)))?;
            Ok(ids.collect::<Result<_, _>>()?)
        };
        self.readers.scan(due).await
    }

    async fn dead(&self, tenant: &TenantId, after: Option<NoticeId>, limit: usize) -> Result<NoticePage, StoreError> {
        let tenant = tenant.clone();
        self.readers.scan(move |reader| dead(reader, &tenant, after, limit)).await
    }
}

#[async_trait]
impl NoticeSweep for Notices {
    async fn retire(&self, before_ms: u64, limit: usize) -> Result<usize, StoreError> {
        let work = move |session: &mut Session| {
            Ok(session.connection.prepare_cached(RETIRE)?.execute(params![column(before_ms), limit])?)
        };
        self.writer.run(limit, work).await
    }
}

/// A notice as columns, but for its version and its tenant.
struct Row {
    id: [u8; 16],
    created_ms: i64,
    due_ms: Option<i64>,
    ended_ms: Option<i64>,
    dead: bool,
    doc: String,
}

impl Row {
    fn of(notice: &Notice, version: u64) -> Result<Self, Fault> {
        Ok(Self {
            id: notice.id.0,
            created_ms: column(notice.created_ms),
            due_ms: (notice.state == State::Owed).then(|| column(notice.due_ms)),
            ended_ms: notice.state.ended_ms().map(column),
            dead: notice.is_dead_letter(),
            doc: document::write(&Notice { version, ..notice.clone() })?,
        })
    }
}

fn dead(reader: &Reader, tenant: &TenantId, after: Option<NoticeId>, limit: usize) -> Result<NoticePage, Fault> {
    let (created_ms, id) = match after {
        None => (i64::MAX, Vec::new()),
        Some(after) => (place(reader, tenant, after)?, after.0.to_vec()),
    };
    let mut statement = reader.connection.prepare_cached(DEAD)?;
    // One more than asked for tells whether more follow; it need not be read.
    let mut rows = statement.query(params![tenant.as_str(), created_ms, id, limit.saturating_add(1)])?;
    let mut notices = Vec::new();
    while let Some(row) = rows.next()? {
        if notices.len() == limit {
            return Ok(NoticePage { notices, has_more: true });
        }
        notices.push(read(row)?);
    }
    Ok(NoticePage { notices, has_more: false })
}

/// When a notice of the tenant was created.
fn place(reader: &Reader, tenant: &TenantId, id: NoticeId) -> Result<i64, Fault> {
    let sql = "SELECT created_ms FROM notices WHERE id = ?1 AND tenant = ?2";
    let mut statement = reader.connection.prepare_cached(sql)?;
    statement.query_row(params![id.0, tenant.as_str()], |row| row.get(0)).optional()?.ok_or(Fault::NoSuch)
}

fn read(row: &rusqlite::Row<'_>) -> Result<Notice, Fault> {
    document::read(row, "a notice's document is unknown to this version")
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::plan;

    #[test]
    fn only_the_rows_that_are_wanted_are_looked_at() {
        for (sql, index) in [(DUE, "notices_due"), (DEAD, "notices_dead"), (RETIRE, "notices_by_end")] {
            let plan = plan(sql);
            assert!(plan.contains(&format!("INDEX {index}")) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
        }
    }
}
