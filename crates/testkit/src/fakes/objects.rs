//! The object store, in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{self, ByteStream, Clock, ObjectWriter, StoreError};
use parking_lot::Mutex;

/// Bytes of one piece of a streamed object.
const PIECE: usize = 64 * 1024;

/// The object store. Clones share it.
#[derive(Clone)]
pub struct Objects {
    clock: Arc<dyn Clock>,
    stored: Arc<Mutex<BTreeMap<ObjectName, Stored>>>,
}

#[derive(Clone)]
struct Stored {
    bytes: Bytes,
    written_ms: u64,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}

impl Objects {
    /// An empty store that dates its objects by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, stored: Arc::default() }
    }

    /// The object as it stands, without awaiting.
    pub fn bytes(&self, name: &ObjectName) -> Option<Bytes> {
        self.stored.lock().get(name).map(|stored| stored.bytes.clone())
    }

    /// Every name, ascending.
    pub fn names(&self) -> Vec<ObjectName> {
        self.stored.lock().keys().cloned().collect()
    }
}

struct Writer {
    store: Objects,
    name: ObjectName,
    written: BytesMut,
}

#[async_trait]
impl ObjectWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.written.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<u64, StoreError> {
        let bytes = self.written.freeze();
        let length = bytes.len() as u64;
        let written_ms = self.store.clock.now_ms();
        self.store.stored.lock().insert(self.name, Stored { bytes, written_ms });
        Ok(length)
    }
}

fn pieces(mut rest: Bytes) -> ByteStream {
    let mut pieces = Vec::with_capacity(rest.len() / PIECE + 1);
    while !rest.is_empty() {
        pieces.push(Ok(rest.split_to(PIECE.min(rest.len()))));
    }
    stream::iter(pieces).boxed()
}

#[async_trait]
impl ports::Objects for Objects {
    async fn create(&self, name: &ObjectName) -> Result<Box<dyn ObjectWriter>, StoreError> {
        Ok(Box::new(Writer { store: self.clone(), name: name.clone(), written: BytesMut::new() }))
    }

    async fn read(&self, name: &ObjectName, offset: u64, length: u64) -> Result<Bytes, StoreError> {
        let bytes = self.bytes(name).ok_or(StoreError::NotFound)?;
        let end = offset.saturating_add(length);
        if end > bytes.len() as u64 {
            return Err(StoreError::Corrupt(format!("{name} ends before byte {end}")));
        }
        let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
        Ok(bytes.slice(at(offset)..at(end)))
    }

    async fn stream(&self, name: &ObjectName) -> Result<(u64, ByteStream), StoreError> {
        let bytes = self.bytes(name).ok_or(StoreError::NotFound)?;
        Ok((bytes.len() as u64, pieces(bytes)))
    }

    async fn tail(&self, name: &ObjectName, offset: u64) -> Result<ByteStream, StoreError> {
        let bytes = self.bytes(name).ok_or(StoreError::NotFound)?;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(pieces(bytes.slice(offset..)))
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.stored.lock().remove(name);
        Ok(())
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Vec<(ObjectName, u64)>, StoreError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self
            .stored
            .lock()
            .range::<ObjectName, _>((from, Bound::Unbounded))
            .filter(|(name, _)| name.as_str().starts_with(prefix))
            .take(limit)
            .map(|(name, stored)| (name.clone(), stored.written_ms))
            .collect())
    }
}
