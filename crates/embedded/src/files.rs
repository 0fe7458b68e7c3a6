//! The rows of files.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::file::{File, Purpose};
use offpeak_core::ids::{NativeFileId, TenantId};
use offpeak_core::ports::{self, FilePage, FileQuery, FileSweep, StoreError};
use rusqlite::{Row, params};

use crate::document::{self, column};
use crate::error::Fault;
use crate::readers::{Reader, Readers};
use crate::writer::{Session, Writer};

/// The rows of files.
pub struct Files {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl Files {
    pub(crate) const fn new(writer: Arc<Writer>, readers: Arc<Readers>) -> Self {
        Self { writer, readers }
    }
}

#[async_trait]
impl ports::Files for Files {
    async fn create(&self, file: &File) -> Result<(), StoreError> {
        let (file, doc) = (file.clone(), document::write(file)?);
        let sql = "INSERT INTO files (id, tenant, purpose, created_ms, expires_ms, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                   ON CONFLICT DO NOTHING";
        let work = move |session: &mut Session| {
            let (created_ms, expires_ms) = (column(file.created_ms), file.expires_ms.map(column));
            let row = params![file.id.0, file.tenant.as_str(), file.purpose.name(), created_ms, expires_ms, doc];
            session.connection.prepare_cached(sql)?.execute(row)?;
            Ok(())
        };
        self.writer.run(1, work).await
    }

    async fn get(&self, id: NativeFileId) -> Result<Option<File>, StoreError> {
        self.readers.point(|reader| {
            let mut statement = reader.connection.prepare_cached("SELECT doc FROM files WHERE id = ?1")?;
            let mut rows = statement.query([id.0])?;
            rows.next()?.map(read).transpose()
        })
    }

    async fn list(&self, tenant: &TenantId, query: FileQuery) -> Result<FilePage, StoreError> {
        let tenant = tenant.clone();
        self.readers.scan(move |reader| list(reader, &tenant, query)).await
    }

    async fn delete(&self, id: NativeFileId) -> Result<(), StoreError> {
        let work = move |session: &mut Session| {
            session.connection.prepare_cached("DELETE FROM files WHERE id = ?1")?.execute([id.0])?;
            Ok(())
        };
        self.writer.run(1, work).await
    }
}

#[async_trait]
impl FileSweep for Files {
    async fn expired(&self, now_ms: u64, limit: usize) -> Result<Vec<File>, StoreError> {
        self.readers.scan(move |reader| all(reader, EXPIRED, params![column(now_ms), limit])).await
    }
}

const EXPIRED: &str = "SELECT doc FROM files WHERE expires_ms <= ?1 ORDER BY expires_ms, id LIMIT ?2";
const OLDEST_FIRST: &str = "SELECT doc FROM files
    WHERE tenant = ?1 AND (created_ms, id) > (?2, ?3) AND (?4 IS NULL OR purpose = ?4)
    ORDER BY created_ms, id LIMIT ?5";
const NEWEST_FIRST: &str = "SELECT doc FROM files
    WHERE tenant = ?1 AND (created_ms, id) < (?2, ?3) AND (?4 IS NULL OR purpose = ?4)
    ORDER BY created_ms DESC, id DESC LIMIT ?5";

fn list(reader: &Reader, tenant: &TenantId, query: FileQuery) -> Result<FilePage, Fault> {
    let (sql, before_all) = if query.ascending { (OLDEST_FIRST, -1) } else { (NEWEST_FIRST, i64::MAX) };
    let (created_ms, id) = match query.after {
        None => (before_all, Vec::new()),
        Some(after) => (column(after.created_ms), after.id.0.to_vec()),
    };
    // One more than asked for tells whether more follow.
    let probe = query.limit.saturating_add(1);
    let purpose = query.purpose.map(Purpose::name);
    let mut files = all(reader, sql, params![tenant.as_str(), created_ms, id, purpose, probe])?;
    let has_more = files.len() > query.limit;
    files.truncate(query.limit);
    Ok(FilePage { files, has_more })
}

fn all(reader: &Reader, sql: &str, params: impl rusqlite::Params) -> Result<Vec<File>, Fault> {
    let mut statement = reader.connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        files.push(read(row)?);
    }
    Ok(files)
}

fn read(row: &Row<'_>) -> Result<File, Fault> {
    document::read(row, "a file's document is unknown to this version")
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::plan;

    #[test]
    fn only_the_rows_that_are_wanted_are_looked_at() {
        for (sql, index) in
            [(EXPIRED, "files_by_expiry"), (OLDEST_FIRST, "files_by_tenant"), (NEWEST_FIRST, "files_by_tenant")]
        {
            let plan = plan(sql);
            assert!(plan.contains(&format!("INDEX {index}")) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
        }
    }
}
