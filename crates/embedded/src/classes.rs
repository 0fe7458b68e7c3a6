//! The rows of classes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use offpeak_core::class::Departures;
use offpeak_core::ports::{self, StoreError};
use rusqlite::{OptionalExtension, params};

use crate::readers::Readers;
use crate::writer::Writer;

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
        let sql = "SELECT version, departed_ms, noted_ms, recalled_ms FROM classes WHERE name = ?1";
        self.readers.point(|reader| {
            let mut statement = reader.connection.prepare_cached(sql)?;
            let row = statement
                .query_row([class], |row| {
                    Ok(Departures {
                        version: row.get(0)?,
                        departed_ms: row.get(1)?,
                        noted_ms: row.get(2)?,
                        recalled_ms: row.get(3)?,
                    })
                })
                .optional()?;
            Ok(row.unwrap_or_default())
        })
    }

    async fn replace(&self, class: &str, row: &Departures) -> Result<bool, StoreError> {
        let (class, row) = (class.to_owned(), *row);
        let sql = if row.version == 0 {
            "INSERT INTO classes (name, version, departed_ms, noted_ms, recalled_ms) VALUES (?1, ?2 + 1, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING"
        } else {
            "UPDATE classes SET version = version + 1, departed_ms = ?3, noted_ms = ?4, recalled_ms = ?5
             WHERE name = ?1 AND version = ?2"
        };
        let work = move |session: &mut crate::writer::Session| {
            let mut statement = session.connection.prepare_cached(sql)?;
            let values = params![class, row.version, row.departed_ms, row.noted_ms, row.recalled_ms];
            Ok(statement.execute(values)? == 1)
        };
        self.writer.run(1, work).await
    }
}

impl fmt::Debug for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classes").finish_non_exhaustive()
    }
}
