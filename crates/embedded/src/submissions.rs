//! The rows of submissions: each one document, with what is searched beside it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{self, StoreError, SubmissionSweep, SubmissionWalk};
use offpeak_core::submission::Submission;
use rusqlite::{OptionalExtension, params};

use crate::document::{self, FIRST};
use crate::error::Fault;
use crate::readers::{Reader, Readers};
use crate::writer::{Session, Writer};

/// The rows of submissions.
pub struct Submissions {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl Submissions {
    pub(crate) const fn new(writer: Arc<Writer>, readers: Arc<Readers>) -> Self {
        Self { writer, readers }
    }
}

#[async_trait]
impl ports::Submissions for Submissions {
    async fn create(&self, submission: &Submission) -> Result<(), StoreError> {
        let row = Row::of(submission, FIRST)?;
        let sql = "INSERT INTO submissions (id, version, settled, created_ms, doc) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO NOTHING";
        let work = move |session: &mut Session| {
            let mut statement = session.connection.prepare_cached(sql)?;
            statement.execute(params![row.id, FIRST, row.settled, row.created_ms, row.doc])?;
            Ok(())
        };
        self.writer.run(1, work).await
    }

    async fn get(&self, id: SubmissionId) -> Result<Option<Submission>, StoreError> {
        self.readers.point(|reader| get(reader, id))
    }

    async fn replace(&self, submission: &Submission) -> Result<bool, StoreError> {
        let version = submission.version;
        let row = Row::of(submission, version.saturating_add(1))?;
        let sql = "UPDATE submissions SET version = version + 1, settled = ?3, created_ms = ?4, doc = ?5
                   WHERE id = ?1 AND version = ?2";
        let work = move |session: &mut Session| {
            let mut statement = session.connection.prepare_cached(sql)?;
            let rows = statement.execute(params![row.id, version, row.settled, row.created_ms, row.doc])?;
            Ok(rows == 1)
        };
        self.writer.run(1, work).await
    }

    async fn open(&self) -> Result<Vec<SubmissionId>, StoreError> {
        self.readers.scan(|reader| open(reader)).await
    }
}

#[async_trait]
impl SubmissionWalk for Submissions {
    async fn scan(&self, after: Option<SubmissionId>, limit: usize) -> Result<Vec<Submission>, StoreError> {
        self.readers.scan(move |reader| scan(reader, after, limit)).await
    }
}

#[async_trait]
impl SubmissionSweep for Submissions {
    async fn delete(&self, id: SubmissionId) -> Result<(), StoreError> {
        self.writer.run(1, move |session| retire(session, id)).await
    }
}

/// Deletes a settled row and the names of its objects, unless a row of a job is old enough to name them.
fn retire(session: &mut Session, id: SubmissionId) -> Result<(), Fault> {
    let connection = &session.connection;
    let mut delete =
        connection.prepare_cached("DELETE FROM submissions WHERE id = ?1 AND settled = 1 RETURNING created_ms")?;
    let Some(created_ms) = delete.query_row([id.0], |row| row.get::<_, i64>(0)).optional()? else { return Ok(()) };
    let mut forget = connection.prepare_cached(
        "DELETE FROM names WHERE name >= ?1 AND name < ?1 || '~'
         AND coalesce((SELECT created_ms FROM jobs ORDER BY seq LIMIT 1), ?2 + 1) > ?2",
    )?;
    for room in ["results", "sealed"] {
        forget.execute(params![format!("{room}/{id}"), created_ms])?;
    }
    drop((delete, forget));
    session.dictionary.forget();
    Ok(())
}

/// A submission as columns, but for its version.
struct Row {
    id: [u8; 16],
    settled: bool,
    created_ms: u64,
    doc: String,
}

impl Row {
    fn of(submission: &Submission, version: u64) -> Result<Self, Fault> {
        let stored = Submission { version, ..submission.clone() };
        Ok(Self {
            id: submission.id.0,
            settled: submission.state.is_settled(),
            created_ms: submission.created_ms,
            doc: document::write(&stored)?,
        })
    }
}

/// One row.
pub(crate) fn get(reader: &Reader, id: SubmissionId) -> Result<Option<Submission>, Fault> {
    let mut statement = reader.connection.prepare_cached("SELECT doc FROM submissions WHERE id = ?1")?;
    let mut rows = statement.query([id.0])?;
    rows.next()?.map(read).transpose()
}

/// Those that something is owed to, oldest first.
pub(crate) fn open(reader: &Reader) -> Result<Vec<SubmissionId>, Fault> {
    let sql = "SELECT id FROM submissions WHERE settled = 0 ORDER BY created_ms, id";
    let mut statement = reader.connection.prepare_cached(sql)?;
    let ids = statement.query_map((), |row| Ok(SubmissionId(row.get(0)?)))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Rows by ascending id.
pub(crate) fn scan(reader: &Reader, after: Option<SubmissionId>, limit: usize) -> Result<Vec<Submission>, Fault> {
    let after: &[u8] = after.as_ref().map_or(&[], |id| &id.0);
    let sql = "SELECT doc FROM submissions WHERE id > ?1 ORDER BY id LIMIT ?2";
    let mut statement = reader.connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![after, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn read(row: &rusqlite::Row<'_>) -> Result<Submission, Fault> {
    document::read(row, "a submission's document is unknown to this version")
}

impl fmt::Debug for Submissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submissions").finish_non_exhaustive()
    }
}
