//! The data directory: its paths, its lock and its key.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::TryRng;
use secrecy::SecretSlice;

use crate::error::OpenError;
use crate::mailbox::Folders;

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// Where everything is.
#[derive(Debug, Clone)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("offpeak.db")
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.0.join("objects")
    }

    pub(crate) fn incoming(&self) -> PathBuf {
        self.0.join("incoming")
    }

    /// Where the mailbox is, unless it is elsewhere.
    pub(crate) fn folders(&self) -> Folders {
        let [inbox, outbox, inputs] = ["inbox", "outbox", "schedules"].map(|name| self.0.join(name));
        Folders { inbox, outbox, inputs }
    }

    fn key(&self) -> PathBuf {
        self.0.join("key")
    }

    /// Creates what is missing, readable by its owner only: it holds prompts.
    pub(crate) fn create(&self) -> Result<(), OpenError> {
        for path in [self.0.clone(), self.objects(), self.incoming()] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|source| at(&path, source))?;
        }
        Ok(())
    }

    /// Makes the database's files readable by their owner only. SQLite gives its `-wal` and `-shm` the permissions of
    /// the database, which is why that is made here if there is none.
    pub(crate) fn seclude(&self) -> Result<(), OpenError> {
        let database = self.database();
        private().create(true).truncate(false).open(&database).map_err(|source| at(&database, source))?;
        for name in ["offpeak.db", "offpeak.db-wal", "offpeak.db-shm"] {
            let path = self.0.join(name);
            match fs::set_permissions(&path, fs::Permissions::from_mode(0o600)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path, error)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Takes the lock of the one process that serves; it is held as long as the file lives.
    pub(crate) fn lock(&self) -> Result<File, OpenError> {
        let path = self.0.join("lock");
        let file = private().create(true).truncate(false).open(&path).map_err(|source| at(&path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(self.0.clone())),
            Err(TryLockError::Error(source)) => Err(at(&path, source)),
        }
    }

    /// The key; made if `may_create` and there is none.
    pub(crate) fn key_bytes(&self, may_create: bool) -> Result<SecretSlice<u8>, OpenError> {
        let path = self.key();
        match fs::read(&path) {
            Ok(bytes) if bytes.len() == KEY_BYTES => Ok(SecretSlice::from(bytes)),
            Ok(_) => Err(self.odd_key()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_create => {
                self.make_key().map_err(|source| at(&path, source))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(OpenError::Key { path, reason: "the key file is missing" })
            }
            Err(source) => Err(at(&path, source)),
        }
    }

    /// The file is there and is no key.
    pub(crate) fn odd_key(&self) -> OpenError {
        OpenError::Key { path: self.key(), reason: "is not a key of 32 bytes" }
    }

    /// Written aside and renamed, so that a crash leaves a whole key or none.
    fn make_key(&self) -> io::Result<SecretSlice<u8>> {
        let mut bytes = vec![0_u8; KEY_BYTES];
        rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
        let aside = self.0.join("key.new");
        let mut file = private().create(true).truncate(true).open(&aside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&aside, self.key())?;
        File::open(&self.0)?.sync_all()?;
        Ok(SecretSlice::from(bytes))
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

pub(crate) fn at(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { path: path.to_owned(), source }
}
