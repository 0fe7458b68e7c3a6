//! The API keys of callers.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use offpeak_core::ids::TenantId;
use offpeak_core::ports::{self, KeyRecord, StoreError};
use parking_lot::Mutex;
use rusqlite::{Row, params};
use tokio::time::Instant;

use crate::error::Fault;
use crate::readers::{Reader, Readers};
use crate::writer::Writer;

/// How long a key is believed without looking: what another process changed is noticed within it.
const FRESH: Duration = Duration::from_secs(3);
/// Keys kept in memory.
const KEPT: usize = 4_096;

/// The API keys of callers.
pub struct Keys {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    /// Keys that exist, and when they were read. What does not exist is looked up each time.
    seen: Mutex<HashMap<[u8; 32], (KeyRecord, Instant)>>,
}

impl Keys {
    pub(crate) fn new(writer: Arc<Writer>, readers: Arc<Readers>) -> Self {
        Self { writer, readers, seen: Mutex::default() }
    }

    fn remember(&self, key: &KeyRecord, read_at: Instant) {
        let mut seen = self.seen.lock();
        if seen.len() >= KEPT {
            seen.clear();
        }
        seen.insert(key.hash, (key.clone(), read_at));
    }
}

#[async_trait]
impl ports::Keys for Keys {
    async fn create(&self, key: KeyRecord) -> Result<(), StoreError> {
        let work = move |session: &mut crate::writer::Session| {
            session
                .connection
                .prepare_cached(
                    "INSERT INTO keys (hash, tenant, hint, created_ms, revoked_ms) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![key.hash, key.tenant.as_str(), key.hint, key.created_ms, key.revoked_ms])?;
            Ok(())
        };
        self.writer.run(1, work).await
    }

    async fn find(&self, hash: &[u8; 32]) -> Result<Option<KeyRecord>, StoreError> {
        let now = Instant::now();
        if let Some((key, read_at)) = self.seen.lock().get(hash)
            && now.duration_since(*read_at) < FRESH
        {
            return Ok(Some(key.clone()));
        }
        let found = self.readers.point(|reader| find(reader, hash))?;
        if let Some(key) = &found {
            self.remember(key, now);
        }
        Ok(found)
    }

    async fn list(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.readers.scan(|reader| list(reader)).await
    }

    async fn revoke(&self, hash: &[u8; 32], now_ms: u64) -> Result<(), StoreError> {
        let hash = *hash;
        let sql = "UPDATE keys SET revoked_ms = coalesce(revoked_ms, ?2) WHERE hash = ?1";
        let work = move |session: &mut crate::writer::Session| {
            let rows = session.connection.prepare_cached(sql)?.execute(params![hash, now_ms])?;
            if rows == 1 { Ok(()) } else { Err(Fault::NoSuch) }
        };
        let outcome = self.writer.run(1, work).await;
        self.seen.lock().remove(&hash);
        outcome
    }
}

const COLUMNS: &str = "hash, tenant, hint, created_ms, revoked_ms";

fn find(reader: &Reader, hash: &[u8; 32]) -> Result<Option<KeyRecord>, Fault> {
    let mut statement = reader.connection.prepare_cached(&format!("SELECT {COLUMNS} FROM keys WHERE hash = ?1"))?;
    let mut rows = statement.query([hash])?;
    Ok(rows.next()?.map(read).transpose()?)
}

fn list(reader: &Reader) -> Result<Vec<KeyRecord>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM keys ORDER BY created_ms, rowid");
    let mut statement = reader.connection.prepare_cached(&sql)?;
    let keys = statement.query_map((), read)?;
    Ok(keys.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> Result<KeyRecord, rusqlite::Error> {
    Ok(KeyRecord {
        hash: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        hint: row.get(2)?,
        created_ms: row.get(3)?,
        revoked_ms: row.get(4)?,
    })
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}
