//! The mailbox: three plain folders that people look into.
//!
//! ```text
//! inbox/TENANT/NAME.jsonl            dropped, best by `mv` from the same disk
//! inbox/.taken/                      on its way out, for an instant
//! outbox/TENANT/NAME/summary.json    given: written aside as .incoming-…, synced, renamed
//! schedules/                         what schedules run
//! ```
//! A file that is still written to is told by its size and its times: it has come whole when they are the same at two looks
//! running. By these, and by which file it is, what was read is also told from what has replaced it.

mod identity;
mod inbox;
mod outbox;

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use offpeak_core::ports::{self, ByteStream, Dropped, ObjectWriter, StoreError};

use crate::directory::at;
use crate::error::{Fault, OpenError};
use crate::objects::{PIECE, blocking, slice};
use identity::Identity;
use inbox::Inbox;

/// Where the folders are.
#[derive(Debug, Clone)]
pub struct Folders {
    /// What people drop.
    pub inbox: PathBuf,
    /// What they find.
    pub outbox: PathBuf,
    /// What schedules run.
    pub inputs: PathBuf,
}

/// The mailbox.
#[derive(Debug)]
pub struct Mailbox {
    inbox: Arc<Inbox>,
    folders: Folders,
}

impl Mailbox {
    pub(crate) fn new(folders: Folders) -> Self {
        Self { inbox: Arc::new(Inbox::new(folders.inbox.clone())), folders }
    }

    /// Creates the folders that are missing, readable by their owner only, and finishes what a killed process left. Blocks
    /// on files.
    ///
    /// # Errors
    /// [`OpenError::Io`]: also where nothing could be taken out of the inbox.
    pub fn prepare(&self) -> Result<(), OpenError> {
        let Folders { inbox, outbox, inputs } = &self.folders;
        for path in [inbox, outbox, inputs, &inbox.join(inbox::TAKEN)] {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| at(path, source))?;
        }
        self.inbox.recover().map_err(|source| at(inbox, source))?;
        outbox::tidy(outbox).map_err(|source| at(outbox, source))
    }
}

#[async_trait]
impl ports::Mailbox for Mailbox {
    async fn dropped(&self, after: Option<&str>, limit: usize) -> Result<Vec<Dropped>, StoreError> {
        let (inbox, after) = (Arc::clone(&self.inbox), after.map(str::to_owned));
        blocking(move || inbox.page(after.as_deref(), limit)).await
    }

    async fn read(&self, dropped: &Dropped) -> Result<ByteStream, StoreError> {
        let (inbox, dropped) = (Arc::clone(&self.inbox), dropped.clone());
        let (file, identity) = blocking(move || inbox.open(&dropped)).await?;
        Ok(pieces(file, identity))
    }

    async fn remove(&self, dropped: &Dropped) -> Result<(), StoreError> {
        let (inbox, dropped) = (Arc::clone(&self.inbox), dropped.clone());
        blocking(move || inbox.remove(&dropped)).await
    }

    async fn input(&self, path: &str) -> Result<ByteStream, StoreError> {
        // One that begins at the root is where it says.
        let path = self.folders.inputs.join(path);
        let (file, identity) = blocking(move || open(&path)).await?;
        Ok(pieces(file, identity))
    }

    async fn give(&self, path: &str) -> Result<Box<dyn ObjectWriter>, StoreError> {
        let root = self.folders.outbox.clone();
        let path = below(&root, path)?;
        Ok(Box::new(blocking(move || outbox::Writer::new(root, path)).await?))
    }

    async fn retract(&self, path: &str) -> Result<(), StoreError> {
        let path = below(&self.folders.outbox, path)?;
        blocking(move || outbox::remove(&path)).await
    }
}

/// A path below a folder, and nowhere else.
fn below(folder: &Path, path: &str) -> Result<PathBuf, Fault> {
    let odd = |segment: &str| matches!(segment, "" | "." | "..") || segment.contains('\0');
    if path.split('/').any(odd) {
        return Err(Fault::BadName);
    }
    Ok(folder.join(path))
}

/// Opens a plain file.
fn open(path: &Path) -> Result<(File, Identity), Fault> {
    // Asked first: opening something else, such as a pipe, might wait for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(Fault::NoSuch);
    }
    let file = File::open(path)?;
    let identity = Identity::of(&file.metadata()?);
    Ok((file, identity))
}

/// The bytes of a file as it was when it was opened: one that is changed meanwhile breaks off.
fn pieces(file: File, identity: Identity) -> ByteStream {
    let length = identity.bytes();
    let pieces = stream::try_unfold((Arc::new(file), 0), move |(file, offset)| async move {
        let piece = PIECE.min(length - offset);
        let from = Arc::clone(&file);
        let bytes = blocking(move || {
            let bytes = slice(&from, offset, piece);
            let is_same = Identity::of(&from.metadata()?).is_content_of(&identity);
            if is_same { bytes } else { Err(Fault::Changed) }
        });
        let bytes = bytes.await?;
        Ok::<_, StoreError>((piece > 0).then_some((bytes, (file, offset + piece))))
    });
    pieces.boxed()
}
