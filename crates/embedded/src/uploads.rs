//! The rows of uploads.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::file::Upload;
use offpeak_core::ids::UploadId;
use offpeak_core::ports::{self, StoreError, UploadSweep};
use rusqlite::params;

use crate::document::{self, FIRST, column};
use crate::readers::Readers;
use crate::writer::{Session, Writer};

/// The rows of uploads.
pub struct Uploads {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl Uploads {
    pub(crate) const fn new(writer: Arc<Writer>, readers: Arc<Readers>) -> Self {
        Self { writer, readers }
    }
}

#[async_trait]
impl ports::Uploads for Uploads {
    async fn create(&self, upload: &Upload) -> Result<(), StoreError> {
        let (id, expires_ms) = (upload.id.0, column(upload.expires_ms));
        let doc = document::write(&Upload { version: FIRST, ..upload.clone() })?;
        let sql = "INSERT INTO uploads (id, version, expires_ms, doc) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        let work = move |session: &mut Session| {
            session.connection.prepare_cached(sql)?.execute(params![id, FIRST, expires_ms, doc])?;
            Ok(())
        };
        self.writer.run(1, work).await
    }

    async fn get(&self, id: UploadId) -> Result<Option<Upload>, StoreError> {
        self.readers.point(|reader| {
            let mut statement = reader.connection.prepare_cached("SELECT doc FROM uploads WHERE id = ?1")?;
            let mut rows = statement.query([id.0])?;
            let read = |row| document::read(row, "an upload's document is unknown to this version");
            rows.next()?.map(read).transpose()
        })
    }

    async fn replace(&self, upload: &Upload) -> Result<bool, StoreError> {
        let (id, version, expires_ms) = (upload.id.0, upload.version, column(upload.expires_ms));
        let doc = document::write(&Upload { version: version.saturating_add(1), ..upload.clone() })?;
        let sql = "UPDATE uploads SET version = version + 1, expires_ms = ?3, doc = ?4 WHERE id = ?1 AND version = ?2";
        let work = move |session: &mut Session| {
            Ok(session.connection.prepare_cached(sql)?.execute(params![id, version, expires_ms, doc])? == 1)
        };
        self.writer.run(1, work).await
    }
}

#[async_trait]
impl UploadSweep for Uploads {
    async fn retire(&self, before_ms: u64, limit: usize) -> Result<usize, StoreError> {
        let sql = "DELETE FROM uploads WHERE id IN
                   (SELECT id FROM uploads WHERE expires_ms < ?1 ORDER BY expires_ms LIMIT ?2)";
        let work = move |session: &mut Session| {
            Ok(session.connection.prepare_cached(sql)?.execute(params![column(before_ms), limit])?)
        };
        self.writer.run(limit, work).await
    }
}

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploads").finish_non_exhaustive()
    }
}
