//! Files of the outbox while they are written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use offpeak_core::hex;
use offpeak_core::ports::{ObjectWriter, Random, StoreError};

use super::below;
use crate::error::Fault;
use crate::objects::blocking;
use crate::random::SystemRandom;

/// What an unfinished file's name begins with. It lies in the outbox, which may be on another disk than all else.
const INCOMING: &str = ".incoming-";

/// Bytes collected before they are written.
const BUFFER: usize = 512 << 10;

/// A file that is not yet under its name.
pub(super) struct Writer {
    root: PathBuf,
    path: PathBuf,
    aside: Aside,
    file: Option<Arc<File>>,
    buffer: BytesMut,
    length: u64,
}

/// The path of the unfinished file; dropped, it goes.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "an unfinished file stays in the outbox until the next start");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

impl Writer {
    pub(super) fn new(root: &Path, path: &str) -> Result<Self, Fault> {
        let aside = Aside(root.join(format!("{INCOMING}{}", hex::encode(&SystemRandom.bits()))));
        let path = below(root, path)?;
        Ok(Self { root: root.to_owned(), path, aside, file: None, buffer: BytesMut::new(), length: 0 })
    }

    /// Creates the file aside; and the folder, where the inbox was switched off, or moved, with results still to come.
    pub(super) fn begin(mut self) -> Result<Self, Fault> {
        fs::create_dir_all(&self.root)?;
        self.file = Some(Arc::new(OpenOptions::new().write(true).create_new(true).open(&self.aside.0)?));
        Ok(self)
    }

    fn place(self, bytes: &[u8]) -> Result<u64, Fault> {
        let file = self.file.as_ref().ok_or(Fault::Stopped)?;
        (&**file).write_all(bytes)?;
        file.sync_all()?;
        fs::create_dir_all(self.path.parent().unwrap_or(&self.root))?;
        fs::rename(&self.aside.0, &self.path)?;
        for folder in self.path.ancestors().skip(1) {
            File::open(folder)?.sync_all()?;
            if folder == self.root {
                break;
            }
        }
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
        let bytes = self.buffer.split().freeze();
        // A failed write loses the file: the writer is of no more use then.
        let Some(file) = self.file.take() else { return Err(Fault::Stopped.into()) };
        self.file = Some(
            blocking(move || {
                (&*file).write_all(&bytes)?;
                Ok(file)
            })
            .await?,
        );
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64, StoreError> {
        let rest = self.buffer.split().freeze();
        blocking(move || self.place(&rest)).await
    }
}

/// Removes a file, durably, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), Fault> {
    match fs::remove_file(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        outcome => outcome?,
    }
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Removes what a killed process was writing.
pub(super) fn tidy(outbox: &Path) -> io::Result<()> {
    for entry in fs::read_dir(outbox)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(INCOMING) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
