//! The rows of classes: each one document beside its version.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::class::Departures;
use offpeak_core::ports::{self, StoreError};
use rusqlite::params;

use crate::document;
use crate::error::Fault;
use crate::readers::{Reader, Readers};
use crate::writer::{Session, Writer};

/// The rows of classes.
pub struct Classes {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl Classes {
    pub(crate) const fn new(writer: Arc<Writer>, readers: Arc<Readers>) -> Self {
        Self { writer, readers }
    }
}

#[async_trait]
impl ports::Classes for Classes {
    async fn get(&self, class: &str) -> Result<Departures, StoreError> {
        self.readers.point(|reader| get(reader, class))
    }

    async fn replace(&self, class: &str, row: &Departures) -> Result<bool, StoreError> {
        let stored = Departures { version: row.version.saturating_add(1), ..row.clone() };
        let doc = document::write(&stored)?;
        let (class, version) = (class.to_owned(), row.version);
        let sql = if version == 0 {
            "INSERT INTO classes (name, version, doc) VALUES (?1, ?2 + 1, ?3) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE classes SET version = version + 1, doc = ?3 WHERE name = ?1 AND version = ?2"
        };
        let work = move |session: &mut Session| {
            Ok(session.connection.prepare_cached(sql)?.execute(params![class, version, doc])? == 1)
        };
        self.writer.run(1, work).await
    }
}

fn get(reader: &Reader, class: &str) -> Result<Departures, Fault> {
    let mut statement = reader.connection.prepare_cached("SELECT doc FROM classes WHERE name = ?1")?;
    let mut rows = statement.query([class])?;
    let Some(row) = rows.next()? else { return Ok(Departures::default()) };
    document::read(row, "a class's document is unknown to this version")
}

impl fmt::Debug for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classes").finish_non_exhaustive()
    }
}
