//! The mailbox, in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use offpeak_core::ports::{self, ByteStream, Dropped, ObjectWriter, StoreError};
use parking_lot::Mutex;

use crate::conformance::mailbox::Stand;

/// Bytes of one piece of what is read.
const PIECE: usize = 64 * 1024;

/// The mailbox. Clones share it.
#[derive(Clone, Default)]
pub struct Mailbox(Arc<Mutex<Boxes>>);

#[derive(Default)]
struct Boxes {
    inbox: BTreeMap<String, (u64, Bytes)>,
    inputs: BTreeMap<String, Bytes>,
    outbox: BTreeMap<String, Bytes>,
    /// Drops so far: each has a version of its own.
    drops: u64,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}

impl Mailbox {
    /// Drops something into the inbox, over what lies there.
    pub fn drop_into(&self, path: &str, content: impl Into<Bytes>) {
        let mut boxes = self.0.lock();
        boxes.drops += 1;
        let version = boxes.drops;
        boxes.inbox.insert(path.to_owned(), (version, content.into()));
    }

    /// Puts an input of a schedule there.
    pub fn put_input(&self, path: &str, content: impl Into<Bytes>) {
        self.0.lock().inputs.insert(path.to_owned(), content.into());
    }

    /// The paths of what lies in the inbox.
    pub fn inbox(&self) -> Vec<String> {
        self.0.lock().inbox.keys().cloned().collect()
    }

    /// What lies in the outbox.
    pub fn outbox(&self) -> BTreeMap<String, Bytes> {
        self.0.lock().outbox.clone()
    }
}

#[async_trait]
impl Stand for Mailbox {
    async fn drop_into(&self, path: &str, content: &[u8]) {
        Self::drop_into(self, path, content.to_vec());
    }

    async fn put_input(&self, path: &str, content: &[u8]) {
        Self::put_input(self, path, content.to_vec());
    }

    async fn outbox(&self, path: &str) -> Option<Vec<u8>> {
        self.0.lock().outbox.get(path).map(|content| content.to_vec())
    }
}

fn pieces(mut content: Bytes) -> ByteStream {
    let mut pieces = Vec::new();
    while !content.is_empty() {
        pieces.push(Ok(content.split_to(PIECE.min(content.len()))));
    }
    stream::iter(pieces).boxed()
}

struct Writer {
    mailbox: Mailbox,
    path: String,
    written: BytesMut,
}

#[async_trait]
impl ObjectWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.written.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<u64, StoreError> {
        let content = self.written.freeze();
        let length = content.len() as u64;
        self.mailbox.0.lock().outbox.insert(self.path, content);
        Ok(length)
    }
}

#[async_trait]
impl ports::Mailbox for Mailbox {
    async fn dropped(&self, after: Option<&str>, limit: usize) -> Result<Vec<Dropped>, StoreError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let boxes = self.0.lock();
        let lies = boxes.inbox.range::<str, _>((from, Bound::Unbounded)).take(limit);
        Ok(lies.map(|(path, (version, _))| Dropped { path: path.clone(), version: version.to_string() }).collect())
    }

    async fn read(&self, dropped: &Dropped) -> Result<ByteStream, StoreError> {
        let boxes = self.0.lock();
        let lies = boxes.inbox.get(&dropped.path).filter(|(version, _)| version.to_string() == dropped.version);
        lies.map(|(_, content)| pieces(content.clone())).ok_or(StoreError::NotFound)
    }

    async fn remove(&self, dropped: &Dropped) -> Result<(), StoreError> {
        let mut boxes = self.0.lock();
        if boxes.inbox.get(&dropped.path).is_some_and(|(version, _)| version.to_string() == dropped.version) {
            boxes.inbox.remove(&dropped.path);
        }
        Ok(())
    }

    async fn input(&self, path: &str) -> Result<ByteStream, StoreError> {
        self.0.lock().inputs.get(path).cloned().map(pieces).ok_or(StoreError::NotFound)
    }

    async fn give(&self, path: &str) -> Result<Box<dyn ObjectWriter>, StoreError> {
        Ok(Box::new(Writer { mailbox: self.clone(), path: path.to_owned(), written: BytesMut::new() }))
    }

    async fn retract(&self, path: &str) -> Result<(), StoreError> {
        self.0.lock().outbox.remove(path);
        Ok(())
    }
}
