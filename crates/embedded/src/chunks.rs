//! The rows of chunks, and what tenants were served.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::fleet::{Chunk, ChunkId, Queue, Served};
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{self, StoreError};
use rusqlite::{Params, params};

use crate::document::{self, FIRST, column};
use crate::error::Fault;
use crate::readers::{Reader, Readers};
use crate::writer::{Session, Writer};

/// The rows of chunks, and what tenants were served.
pub struct Chunks {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl Chunks {
    pub(crate) const fn new(writer: Arc<Writer>, readers: Arc<Readers>) -> Self {
        Self { writer, readers }
    }
}

const CREATE: &str = "INSERT INTO chunks (submission, place, version, queue, created_ms, open, doc)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
const GET: &str = "SELECT doc FROM chunks WHERE submission = ?1 AND place = ?2";
const OF: &str = "SELECT doc FROM chunks WHERE submission = ?1 ORDER BY place";
const OPEN: &str = "SELECT doc FROM chunks WHERE open = 1 AND queue = ?1
    ORDER BY created_ms, submission, place LIMIT ?2";
/// From each queue on to the next: however many of its chunks are open, it costs one step.
const QUEUES: &str = "WITH RECURSIVE queues (queue) AS (
        SELECT min(queue) FROM chunks WHERE open = 1
        UNION ALL
        SELECT (SELECT min(queue) FROM chunks WHERE open = 1 AND queue > queues.queue) FROM queues
        WHERE queues.queue IS NOT NULL
    ) SELECT queue FROM queues WHERE queue IS NOT NULL";
const REPLACE: &str = "UPDATE chunks SET version = version + 1, open = ?4, doc = ?5
    WHERE submission = ?1 AND place = ?2 AND version = ?3";
const DELETE: &str = "DELETE FROM chunks WHERE submission = ?1";

#[async_trait]
impl ports::Chunks for Chunks {
    async fn create(&self, chunks: Vec<Chunk>) -> Result<(), StoreError> {
        let docs: Vec<String> = chunks.iter().map(|chunk| write(chunk, FIRST)).collect::<Result<_, _>>()?;
        let items = docs.len();
        let work = move |session: &mut Session| {
            let mut statement = session.connection.prepare_cached(CREATE)?;
            for (chunk, doc) in chunks.iter().zip(&docs) {
                let Chunk { id, created_ms, state, .. } = chunk;
                let (queue, created_ms, open) = (chunk.queue(), column(*created_ms), !state.is_final());
                statement.execute(params![id.submission.0, id.index, FIRST, queue.as_str(), created_ms, open, doc])?;
            }
            Ok(())
        };
        self.writer.run(items, work).await
    }

    async fn get(&self, id: ChunkId) -> Result<Option<Chunk>, StoreError> {
        let found = self.readers.point(|reader| chunks(reader, GET, params![id.submission.0, id.index]))?;
        Ok(found.into_iter().next())
    }

    async fn of(&self, submission: SubmissionId) -> Result<Vec<Chunk>, StoreError> {
        self.readers.scan(move |reader| chunks(reader, OF, [submission.0])).await
    }

    async fn open(&self, queue: &Queue, limit: usize) -> Result<Vec<Chunk>, StoreError> {
        let queue = queue.clone();
        self.readers.scan(move |reader| chunks(reader, OPEN, params![queue.as_str(), limit])).await
    }

    async fn models(&self) -> Result<Vec<String>, StoreError> {
        let queues = |reader: &mut Reader| {
            let mut statement = reader.connection.prepare_cached(QUEUES)?;
            let queues = statement.query_map((), |row| row.get(0))?;
            Ok(queues.collect::<Result<Vec<String>, _>>()?)
        };
        let queues = self.readers.scan(queues).await?;
        Ok(queues.iter().filter_map(|queue| Queue::fleet_model(queue)).map(str::to_owned).collect())
    }

    async fn replace(&self, chunk: &Chunk) -> Result<bool, StoreError> {
        let (id, version, open) = (chunk.id, chunk.version, !chunk.state.is_final());
        let doc = write(chunk, version.saturating_add(1))?;
        let work = move |session: &mut Session| {
            let row = params![id.submission.0, id.index, version, open, doc];
            Ok(session.connection.prepare_cached(REPLACE)?.execute(row)? == 1)
        };
        self.writer.run(1, work).await
    }

    async fn delete(&self, submission: SubmissionId) -> Result<(), StoreError> {
        let work = move |session: &mut Session| {
            session.connection.prepare_cached(DELETE)?.execute([submission.0])?;
            Ok(())
        };
        self.writer.run(1, work).await
    }

    async fn served(&self, queue: &Queue) -> Result<Served, StoreError> {
        self.readers.point(|reader| {
            let mut statement = reader.connection.prepare_cached("SELECT doc FROM served WHERE queue = ?1")?;
            let mut rows = statement.query([queue.as_str()])?;
            let Some(row) = rows.next()? else { return Ok(Served::default()) };
            document::read(row, "what tenants were served is unknown to this version")
        })
    }

    async fn serve(&self, queue: &Queue, served: &Served) -> Result<bool, StoreError> {
        let (queue, version) = (queue.clone(), served.version);
        let doc = document::write(&Served { version: version.saturating_add(1), ..served.clone() })?;
        let sql = if version == 0 {
            "INSERT INTO served (queue, version, doc) VALUES (?1, ?2 + 1, ?3) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE served SET version = ?2 + 1, doc = ?3 WHERE queue = ?1 AND version = ?2"
        };
        let work = move |session: &mut Session| {
            Ok(session.connection.prepare_cached(sql)?.execute(params![queue.as_str(), version, doc])? == 1)
        };
        self.writer.run(1, work).await
    }
}

/// A chunk of that version as a document.
fn write(chunk: &Chunk, version: u64) -> Result<String, Fault> {
    document::write(&Chunk { version, ..chunk.clone() })
}

/// The chunks of the documents that a statement finds.
fn chunks(reader: &Reader, sql: &str, params: impl Params) -> Result<Vec<Chunk>, Fault> {
    let mut statement = reader.connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(document::read(row, "a chunk's document is unknown to this version")?);
    }
    Ok(found)
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::plan;

    #[test]
    fn only_the_rows_that_are_wanted_are_looked_at() {
        let by_id = "INDEX sqlite_autoindex_chunks_1";
        for (sql, index) in [(GET, by_id), (OF, by_id), (DELETE, by_id), (OPEN, "INDEX chunks_open (queue=?)")] {
            let plan = plan(sql);
            assert!(
                plan.starts_with("SEARCH") && plan.contains(index) && !plan.contains("TEMP B-TREE"),
                "{sql}: {plan}"
            );
        }
        let plan = plan(QUEUES);
        assert_eq!(plan.matches("SEARCH chunks USING COVERING INDEX chunks_open").count(), 2, "{plan}");
    }
}
