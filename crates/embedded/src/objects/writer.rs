//! An object being written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use offpeak_core::hex;
use offpeak_core::ports::{ObjectWriter, Random, StoreError};

use super::blocking;
use super::handles::Handles;
use super::tree::Tree;
use crate::error::Fault;
use crate::random::SystemRandom;

/// Bytes collected before they are written.
const BUFFER: usize = 512 << 10;

/// A file that is not yet under its name.
pub(super) struct Writer {
    tree: Arc<Tree>,
    path: PathBuf,
    aside: Aside,
    handles: Arc<Handles>,
    file: Option<Arc<File>>,
    buffer: BytesMut,
    length: u64,
}

/// The path of the unfinished file; dropped, it goes.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        // One unlink, wherever the writer is dropped: no task could be relied upon to do it later.
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "an unfinished object stays until the next start");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

impl Writer {
    pub(super) fn new(tree: Arc<Tree>, incoming: &Path, path: PathBuf, handles: Arc<Handles>) -> Self {
        let aside = Aside(incoming.join(hex::encode(&SystemRandom.bits())));
        Self { tree, path, aside, handles, file: None, buffer: BytesMut::new(), length: 0 }
    }

    /// Creates the file aside.
    pub(super) fn begin(mut self) -> Result<Self, Fault> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.aside.0)?;
        self.file = Some(Arc::new(file));
        Ok(self)
    }

    /// Writes what is in the buffer.
    async fn flush(&mut self) -> Result<(), StoreError> {
        let bytes = self.buffer.split().freeze();
        let Some(file) = self.file.take() else { return Err(Fault::Stopped.into()) };
        // A failed write loses the file: the writer is of no more use then.
        self.file = Some(blocking(move || write_all(&file, &bytes).map(|()| file)).await?);
        Ok(())
    }

    /// The steps of the module's drawing, in their order.
    fn place(self, bytes: &[u8]) -> Result<u64, Fault> {
        let file = self.file.as_ref().ok_or(Fault::Stopped)?;
        write_all(file, bytes)?;
        file.sync_all()?;
        self.tree.place(&self.aside.0, &self.path)?;
        self.handles.forget(&self.path);
        Ok(self.length)
    }
}

#[async_trait]
impl ObjectWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.length += bytes.len() as u64;
        self.buffer.extend_from_slice(&bytes);
        if self.buffer.len() < BUFFER {
            return Ok(());
        }
        self.flush().await
    }

    async fn finish(mut self: Box<Self>) -> Result<u64, StoreError> {
        let rest = self.buffer.split().freeze();
        blocking(move || self.place(&rest)).await
    }
}

fn write_all(mut file: &File, bytes: &[u8]) -> Result<(), Fault> {
    Ok(file.write_all(bytes)?)
}
