//! Listing objects by name.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use offpeak_core::ids::ObjectName;

use super::name;
use crate::clock::unix_ms;

/// Which names are wanted.
pub(super) struct Wanted {
    /// They begin with this.
    pub(super) prefix: String,
    /// They come after this.
    pub(super) after: String,
    /// At most so many.
    pub(super) limit: usize,
}

impl Wanted {
    /// The names, ascending, each with the time of its last write.
    pub(super) fn list(&self, root: &Path) -> io::Result<Vec<(ObjectName, u64)>> {
        let mut found = Vec::new();
        // A prefix names whole directories up to its last slash: nothing beside them is read.
        let start = self.prefix.rfind('/').map_or("", |slash| &self.prefix[..=slash]);
        // No object has a name that is refused.
        if let Ok(directory) = name::directory(root, start.trim_end_matches('/')) {
            self.walk(&directory, start, &mut found)?;
        }
        Ok(found)
    }

    /// `start` is the directory's name within the root, its slash included.
    fn walk(&self, directory: &Path, start: &str, found: &mut Vec<(ObjectName, u64)>) -> io::Result<()> {
        let mut entries = match fs::read_dir(directory) {
            Ok(entries) => self.below(start, entries)?,
            // It went meanwhile, or there never was one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        // Sorted with their slashes, directories lie where their objects' names lie.
        entries.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for (name, entry) in entries {
            if found.len() >= self.limit {
                break;
            }
            if name.ends_with('/') {
                self.walk(&entry.path(), &name, found)?;
            } else if let Ok(metadata) = entry.metadata() {
                found.push((ObjectName(name), metadata.modified().map_or(0, unix_ms)));
            }
        }
        Ok(())
    }

    /// The entries of a directory that may hold what is wanted, a slash after each directory.
    fn below(&self, start: &str, entries: fs::ReadDir) -> io::Result<Vec<(String, DirEntry)>> {
        let mut kept = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = format!("{start}{}", name::of_entry(&name));
            let wanted = if name.ends_with('/') {
                // A directory holds later names, too, if `after` itself lies in it.
                (name.starts_with(&self.prefix) || self.prefix.starts_with(&name))
                    && (name > self.after || self.after.starts_with(&name))
            } else {
                name.starts_with(&self.prefix) && name > self.after
            };
            if wanted {
                kept.push((name, entry));
            }
        }
        Ok(kept)
    }
}
