//! Files of the outbox while they are written.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use offpeak_core::hex;
use offpeak_core::ports::{ObjectWriter, Random, StoreError};

use crate::error::Fault;
use crate::objects::blocking;
use crate::random::SystemRandom;
use crate::unfinished::Unfinished;

/// What an unfinished file's name begins with. It lies in the outbox, which may be on another disk than all else.
const INCOMING: &str = ".incoming-";

pub(super) struct Writer {
    root: PathBuf,
    path: PathBuf,
    content: Unfinished,
}

impl Writer {
    /// Creates the file aside; and the folder, where the inbox was switched off, or moved, with results still to come.
    pub(super) fn new(root: PathBuf, path: PathBuf) -> Result<Self, Fault> {
        fs::create_dir_all(&root)?;
        let aside = root.join(format!("{INCOMING}{}", hex::encode(&SystemRandom.bits())));
        let content = Unfinished::create(aside, &mut OpenOptions::new())?;
        Ok(Self { root, path, content })
    }

    fn place(mut self) -> Result<u64, Fault> {
        self.content.seal()?;
        fs::create_dir_all(self.path.parent().unwrap_or(&self.root))?;
        fs::rename(self.content.path(), &self.path)?;
        for folder in self.path.ancestors().skip(1) {
            File::open(folder)?.sync_all()?;
            if folder == self.root {
                break;
            }
        }
        Ok(self.content.length())
    }
}

#[async_trait]
impl ObjectWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.content.write(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<u64, StoreError> {
        blocking(move || self.place()).await
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
