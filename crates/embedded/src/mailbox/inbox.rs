//! The inbox: a folder, and in it one for each tenant.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use offpeak_core::ports::Dropped;
use parking_lot::Mutex;

use super::identity::Identity;
use super::{below, open};
use crate::error::Fault;

/// Where a file is on its way out: in a folder that is called by its content, under its own path.
pub(super) const TAKEN: &str = ".taken";

/// The inbox.
#[derive(Debug)]
pub(super) struct Inbox {
    folder: PathBuf,
    /// What the last look from the beginning saw.
    seen: Mutex<BTreeMap<String, Seen>>,
}

/// A file at a look.
#[derive(Debug, Clone, Copy)]
struct Seen {
    identity: Identity,
    /// It was the same at the look before.
    is_whole: bool,
}

impl Inbox {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, seen: Mutex::default() }
    }

    /// A page of what has come whole. From its beginning on, the folders are looked through; the pages that follow are of the
    /// same look.
    pub(super) fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<Dropped>, Fault> {
        let mut seen = self.seen.lock();
        if after.is_none() {
            let now = files(&self.folder)?;
            let before = std::mem::take(&mut *seen);
            let same = |path: &str, identity| before.get(path).is_some_and(|seen| seen.identity == identity);
            *seen = now
                .into_iter()
                .map(|(path, identity)| {
                    let is_whole = same(&path, identity);
                    (path, Seen { identity, is_whole })
                })
                .collect();
        }
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let whole = seen.range::<str, _>((from, Bound::Unbounded)).filter(|(_, seen)| seen.is_whole);
        let dropped = |(path, seen): (&String, &Seen)| Dropped { path: path.clone(), version: seen.identity.version() };
        Ok(whole.take(limit).map(dropped).collect())
    }

    /// Opens the file, if it is still that version.
    pub(super) fn open(&self, dropped: &Dropped) -> Result<(File, Identity), Fault> {
        let (file, identity) = open(&below(&self.folder, &dropped.path)?)?;
        if identity.version() == dropped.version { Ok((file, identity)) } else { Err(Fault::NoSuch) }
    }

    /// Removes the file, if it is still that content. It is moved away first and looked at again there: what replaced it
    /// just before goes back.
    pub(super) fn remove(&self, dropped: &Dropped) -> Result<(), Fault> {
        let path = below(&self.folder, &dropped.path)?;
        let Some(identity) = of(&path)? else { return Ok(()) };
        if !dropped.version.starts_with(&format!("{}-", identity.content())) {
            return Ok(());
        }
        let aside = below(&self.folder, &format!("{TAKEN}/{}/{}", identity.content(), dropped.path))?;
        fs::create_dir_all(aside.parent().unwrap_or(&self.folder))?;
        match fs::rename(&path, &aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => outcome?,
        }
        File::open(path.parent().unwrap_or(&self.folder))?.sync_all()?;
        Ok(self.settle(&aside)?)
    }

    /// Finishes what a killed process had moved away.
    pub(super) fn recover(&self) -> io::Result<()> {
        let taken = self.folder.join(TAKEN);
        for content in fs::read_dir(&taken)? {
            let content = content?.path();
            for file in every_file(&content)? {
                self.settle(&file)?;
            }
        }
        Ok(())
    }

    /// Deletes what was moved away if it is what was to be; if not, it goes back, unless something newer lies there.
    fn settle(&self, aside: &Path) -> io::Result<()> {
        let taken = self.folder.join(TAKEN);
        let mut segments = aside.strip_prefix(&taken).map_err(io::Error::other)?.components();
        let content = segments.next().map(|content| content.as_os_str().to_string_lossy().into_owned());
        let Some(identity) = of(aside)? else { return Ok(()) };
        if content.is_none_or(|content| content != identity.content().to_string()) {
            match fs::hard_link(aside, self.folder.join(segments.as_path())) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        fs::remove_file(aside)?;
        for folder in aside.ancestors().skip(1).take_while(|folder| *folder != taken) {
            // One that is not empty refuses.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// Which plain file is at that path, if there is one.
fn of(path: &Path) -> io::Result<Option<Identity>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.is_file().then(|| Identity::of(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The plain files of a folder and of the folders in it, by their paths. What is hidden, and what links lead to, is left out.
fn files(folder: &Path) -> io::Result<Vec<(String, Identity)>> {
    let mut found = Vec::new();
    for (name, path, is_folder) in entries(folder)? {
        if !is_folder {
            found.extend(of(&path)?.map(|identity| (name, identity)));
            continue;
        }
        for (below, path, is_folder) in entries(&path)? {
            if !is_folder {
                found.extend(of(&path)?.map(|identity| (format!("{name}/{below}"), identity)));
            }
        }
    }
    Ok(found)
}

/// The entries of a folder that are not hidden: name, path, and whether it is a folder.
fn entries(folder: &Path) -> io::Result<Vec<(String, PathBuf, bool)>> {
    let entries = match fs::read_dir(folder) {
        // It went meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !name.starts_with('.') {
            found.push((name, entry.path(), entry.file_type()?.is_dir()));
        }
    }
    Ok(found)
}

/// Every file below a folder.
fn every_file(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut left) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = left.pop() {
        if fs::symlink_metadata(&path)?.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        } else {
            files.push(path);
        }
    }
    Ok(files)
}
