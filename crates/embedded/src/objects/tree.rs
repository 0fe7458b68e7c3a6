//! The directories that objects lie in: made with their first object, gone with their last.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use parking_lot::RwLock;

use crate::error::Fault;

/// The directories below a root. One process writes a data directory, so its own lock is enough.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    /// Read while a directory is made and filled, written while empty ones go: none goes before its first object came.
    filling: RwLock<()>,
}

impl Tree {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, filling: RwLock::default() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Moves a file to an object's path, durably.
    pub(super) fn place(&self, from: &Path, path: &Path) -> Result<(), Fault> {
        let _filling = self.filling.read();
        let made = make_parents(path)?;
        fs::rename(from, path)?;
        self.sync_parents(path, made)
    }

    /// Removes an object's file if it is there, and the directories that held nothing else.
    pub(super) fn remove(&self, path: &Path) -> Result<(), Fault> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            outcome => outcome?,
        }
        let _alone = self.filling.write();
        for directory in path.ancestors().skip(1).take_while(|directory| *directory != self.root) {
            // One that is not empty refuses.
            if fs::remove_dir(directory).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Makes the entry durable, and, where directories are new, those of its directories up to the root.
    fn sync_parents(&self, path: &Path, made: bool) -> Result<(), Fault> {
        for directory in path.ancestors().skip(1) {
            File::open(directory)?.sync_all()?;
            if !made || directory == self.root {
                break;
            }
        }
        Ok(())
    }
}

/// Creates the directories of a path; says whether any was missing.
fn make_parents(path: &Path) -> Result<bool, Fault> {
    let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) else { return Ok(false) };
    DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    Ok(true)
}
