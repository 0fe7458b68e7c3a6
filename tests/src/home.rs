//! A directory of a test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A temporary directory. It goes with its test, unless the test fails: then its path is told and it stays.
#[derive(Debug)]
pub struct Home(PathBuf);

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Home {
    /// Makes one.
    pub fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("offpeak-test-{}-{number}-{:08x}", std::process::id(), rand::random::<u32>());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a temporary directory");
        Self(path)
    }

    /// A path in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file in it and says its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, text).expect("a file in the temporary directory");
        path
    }

    /// Every file under `name`, however deep.
    pub fn files(&self, name: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.join(name)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder { folders.push(entry.path()) } else { found.push(entry.path()) }
            }
        }
        found.sort();
        found
    }

    /// The files under `name` that hold these bytes in plain text.
    pub fn files_with(&self, name: &str, needle: &str) -> Vec<PathBuf> {
        let holds = |path: &PathBuf| {
            // A file that went meanwhile holds nothing.
            let content = fs::read(path).unwrap_or_default();
            content.windows(needle.len()).any(|window| window == needle.as_bytes())
        };
        self.files(name).into_iter().filter(holds).collect()
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The harness shows what a failing test writes to standard error.
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("kept: {}\n", self.0.display()));
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
