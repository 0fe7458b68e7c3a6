//! Files that are being read are kept open: many small reads of one results object follow each other.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::Fault;

/// Files kept open.
const KEPT: usize = 128;

/// The open files by path.
#[derive(Debug, Default)]
pub(super) struct Handles(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    files: HashMap<PathBuf, Handle>,
    /// Counts uses: the least recently used goes first.
    uses: u64,
}

#[derive(Debug)]
struct Handle {
    file: Arc<File>,
    length: u64,
    used: u64,
}

impl Handles {
    /// The file and its length. Opened under the lock, so that [`Handles::forget`] after a change leaves no old one.
    pub(super) fn open(&self, path: &Path) -> Result<(Arc<File>, u64), Fault> {
        let mut open = self.0.lock();
        open.uses += 1;
        let used = open.uses;
        if let Some(handle) = open.files.get_mut(path) {
            handle.used = used;
            return Ok((Arc::clone(&handle.file), handle.length));
        }
        let file = Arc::new(File::open(path)?);
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(Fault::NoSuch);
        }
        let length = metadata.len();
        if open.files.len() >= KEPT {
            open.drop_oldest();
        }
        open.files.insert(path.to_owned(), Handle { file: Arc::clone(&file), length, used });
        Ok((file, length))
    }

    /// The file of that path has changed or gone.
    pub(super) fn forget(&self, path: &Path) {
        self.0.lock().files.remove(path);
    }
}

impl Open {
    fn drop_oldest(&mut self) {
        let oldest = self.files.iter().min_by_key(|(_, handle)| handle.used).map(|(path, _)| path.clone());
        if let Some(path) = oldest {
            self.files.remove(&path);
        }
    }
}
