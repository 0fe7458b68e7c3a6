//! Connections that only read.
//!
//! A point read costs a few microseconds and is done on the calling task; anything longer goes to the blocking pool,
//! with connections of its own, so that a point read never waits behind a scan.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use offpeak_core::ports::StoreError;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;

use crate::dictionary::Words;
use crate::error::Fault;
use crate::schema;

/// Connections for point reads, and as many again for longer ones.
const EACH: usize = 4;

/// A connection that reads, with the words it has met.
pub(crate) struct Reader {
    pub(crate) connection: Connection,
    pub(crate) words: Words,
}

impl Reader {
    pub(crate) fn open(database: &Path) -> Result<Self, rusqlite::Error> {
        Ok(Self { connection: schema::connect_reader(database)?, words: Words::default() })
    }
}

/// The pool.
pub(crate) struct Readers {
    points: Vec<Mutex<Reader>>,
    scans: Vec<Mutex<Reader>>,
    turn: AtomicUsize,
}

impl Readers {
    pub(crate) fn open(database: &Path) -> Result<Arc<Self>, rusqlite::Error> {
        let some = || (0..EACH).map(|_| Reader::open(database).map(Mutex::new)).collect::<Result<_, _>>();
        Ok(Arc::new(Self { points: some()?, scans: some()?, turn: AtomicUsize::new(0) }))
    }

    /// A short read, here and now.
    pub(crate) fn point<T>(&self, read: impl FnOnce(&mut Reader) -> Result<T, Fault>) -> Result<T, StoreError> {
        Ok(read(&mut self.free(&self.points))?)
    }

    /// A longer read, on the blocking pool.
    pub(crate) async fn scan<T, F>(self: &Arc<Self>, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Reader) -> Result<T, Fault> + Send + 'static,
    {
        let readers = Arc::clone(self);
        let outcome = tokio::task::spawn_blocking(move || read(&mut readers.free(&readers.scans))).await;
        Ok(outcome.map_err(|_| Fault::Stopped)??)
    }

    fn free<'a>(&self, pool: &'a [Mutex<Reader>]) -> MutexGuard<'a, Reader> {
        if let Some(free) = pool.iter().find_map(Mutex::try_lock) {
            return free;
        }
        pool[self.turn.fetch_add(1, Ordering::Relaxed) % pool.len()].lock()
    }
}
