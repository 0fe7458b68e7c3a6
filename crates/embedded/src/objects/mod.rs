//! The object store: files under the data directory.
//!
//! An object is written to `incoming/`, synced, renamed to its name under `objects/`, and the directory synced: so it
//! is visible whole or not at all, and stays after a crash. What a killed process left in `incoming/` goes at the next
//! opening.

mod handles;
mod listing;
mod name;
mod tree;
mod writer;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{self, ByteStream, ObjectWriter, StoreError};

use crate::error::Fault;
use handles::Handles;
use tree::Tree;
use writer::Writer;

/// Up to here a read is done on the calling task: mostly it is in the page cache.
const SMALL: u64 = 64 << 10;
/// Bytes of a piece of a stream.
pub(crate) const PIECE: u64 = 256 << 10;

/// The object store.
#[derive(Debug)]
pub struct Objects {
    tree: Arc<Tree>,
    incoming: PathBuf,
    handles: Arc<Handles>,
}

impl Objects {
    pub(crate) fn new(root: PathBuf, incoming: PathBuf) -> Self {
        Self { tree: Arc::new(Tree::new(root)), incoming, handles: Arc::default() }
    }

    /// Removes what a killed process was writing.
    pub(crate) fn tidy(incoming: &Path) -> io::Result<()> {
        for entry in fs::read_dir(incoming)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(())
    }

    fn open(&self, name: &ObjectName) -> Result<(Arc<File>, u64), Fault> {
        self.handles.open(&name::path(self.tree.root(), name)?)
    }
}

#[async_trait]
impl ports::Objects for Objects {
    async fn create(&self, name: &ObjectName) -> Result<Box<dyn ObjectWriter>, StoreError> {
        let path = name::path(self.tree.root(), name)?;
        let (tree, incoming, handles) = (Arc::clone(&self.tree), self.incoming.clone(), Arc::clone(&self.handles));
        Ok(Box::new(blocking(move || Writer::new(tree, &incoming, path, handles)).await?))
    }

    async fn read(&self, name: &ObjectName, offset: u64, length: u64) -> Result<Bytes, StoreError> {
        let (file, _) = self.open(name)?;
        if length <= SMALL {
            return Ok(slice(&file, offset, length)?);
        }
        blocking(move || slice(&file, offset, length)).await
    }

    async fn stream(&self, name: &ObjectName) -> Result<(u64, ByteStream), StoreError> {
        let (file, length) = self.open(name)?;
        Ok((length, pieces(file, 0, length)))
    }

    async fn tail(&self, name: &ObjectName, offset: u64) -> Result<ByteStream, StoreError> {
        let (file, length) = self.open(name)?;
        Ok(pieces(file, offset, length))
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let path = name::path(self.tree.root(), name)?;
        let (tree, handles) = (Arc::clone(&self.tree), Arc::clone(&self.handles));
        blocking(move || {
            let gone = tree.remove(&path);
            handles.forget(&path);
            gone
        })
        .await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Vec<(ObjectName, u64)>, StoreError> {
        let tree = Arc::clone(&self.tree);
        let wanted = listing::Wanted {
            prefix: prefix.to_owned(),
            after: after.map(|name| name.as_str().to_owned()).unwrap_or_default(),
            limit,
        };
        blocking(move || Ok(wanted.list(tree.root())?)).await
    }
}

/// The bytes `offset .. length` of a file.
fn pieces(file: Arc<File>, offset: u64, length: u64) -> ByteStream {
    let pieces = stream::try_unfold((file, offset), move |(file, offset)| async move {
        let piece = PIECE.min(length.saturating_sub(offset));
        if piece == 0 {
            return Ok(None);
        }
        let from = Arc::clone(&file);
        let bytes = blocking(move || slice(&from, offset, piece)).await?;
        Ok(Some((bytes, (file, offset + piece))))
    });
    pieces.boxed()
}

/// Bytes of a file at a place, whole or not at all.
pub(crate) fn slice(file: &File, offset: u64, length: u64) -> Result<Bytes, Fault> {
    let short = Fault::Garbled("an object is shorter than what names it");
    if offset.checked_add(length).is_none_or(|end| end > i64::MAX.cast_unsigned()) {
        return Err(short);
    }
    if length > SMALL && file.metadata()?.len() < offset + length {
        // Before memory is taken for what is not there.
        return Err(short);
    }
    let mut bytes = BytesMut::zeroed(usize::try_from(length).map_err(|_| Fault::Garbled("too long to read"))?);
    match file.read_exact_at(&mut bytes, offset) {
        Ok(()) => Ok(bytes.freeze()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(short),
        Err(error) => Err(error.into()),
    }
}

/// Work on files, off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, StoreError> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| Fault::Stopped)??)
}
