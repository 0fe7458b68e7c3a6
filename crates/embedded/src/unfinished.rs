//! A file that is being written, and is not yet under its name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use offpeak_core::ports::StoreError;

use crate::error::Fault;
use crate::objects::blocking;

/// Bytes collected before they are written.
const BUFFER: usize = 512 << 10;

/// Dropped, the file goes, unless it was moved to its name.
pub(crate) struct Unfinished {
    aside: Aside,
    file: Option<Arc<File>>,
    buffer: BytesMut,
    length: u64,
}

struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        // One unlink, wherever the writer is dropped: no task could be relied upon to do it later.
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "an unfinished file stays until the next start");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

impl Unfinished {
    /// Creates one at `path`, where there must be none.
    pub(crate) fn create(path: PathBuf, options: &mut OpenOptions) -> Result<Self, Fault> {
        let file = options.write(true).create_new(true).open(&path)?;
        Ok(Self { aside: Aside(path), file: Some(Arc::new(file)), buffer: BytesMut::new(), length: 0 })
    }

    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.length += bytes.len() as u64;
        self.buffer.extend_from_slice(&bytes);
        if self.buffer.len() < BUFFER {
            return Ok(());
        }
        let bytes = self.buffer.split().freeze();
        // A failed write loses the file: the writer is of no more use then.
        let Some(file) = self.file.take() else { return Err(Fault::Stopped.into()) };
        self.file = Some(blocking(move || write_all(&file, &bytes).map(|()| file)).await?);
        Ok(())
    }

    /// Writes what was collected, and waits until all of it is on the disk.
    pub(crate) fn seal(&mut self) -> Result<(), Fault> {
        let file = self.file.as_ref().ok_or(Fault::Stopped)?;
        write_all(file, &self.buffer.split())?;
        Ok(file.sync_all()?)
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.aside.0
    }

    /// Bytes written and collected.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

fn write_all(mut file: &File, bytes: &[u8]) -> Result<(), Fault> {
    Ok(file.write_all(bytes)?)
}
