//! Opening a data directory, and the ports that it gives.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use offpeak_core::ids::CredentialId;
use offpeak_core::ports::StoreError;
use rusqlite::Connection;
use secrecy::SecretString;

use crate::checkpoint::Checkpointer;
use crate::credentials::{Credentials, SealingKey};
use crate::directory::{Directory, at};
use crate::error::OpenError;
use crate::intake::Intake;
use crate::readers::Readers;
use crate::snapshot::Snapshot;
use crate::writer::Writer;
use crate::{
    Batches, Chunks, Classes, Files, Folders, Jobs, Keys, Mailbox, Notices, Objects, Receivers, Submissions, Uploads,
    Usage, schema,
};

/// How a data directory is opened.
#[derive(Clone)]
pub struct Options {
    /// The gateway's own keys towards providers, by name; they are never stored. Default none.
    pub credentials: BTreeMap<CredentialId, SecretString>,
    /// How long the writer waits for more to commit together, while several callers write at once. Default 2 ms; zero
    /// commits at once. At 4,000 calls a second a commit every 2 ms costs a quarter less CPU a call than one at once.
    pub gather: Duration,
    /// Bytes of a page of a new database. Default 4,096.
    pub page_bytes: u32,
    /// Bytes of pages that the writer keeps in memory. Default 8 MiB: a larger cache costs more at each commit than it
    /// saves, because SQLite searches its table of pages whenever a page was split.
    pub cache_bytes: u32,
    /// Where the inbox is. Default `inbox` in the data directory.
    pub inbox: Option<PathBuf>,
    /// Where the outbox is. Default `outbox` in the data directory.
    pub outbox: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            credentials: BTreeMap::new(),
            gather: Duration::from_millis(2),
            page_bytes: 4_096,
            cache_bytes: 8 << 20,
            inbox: None,
            outbox: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("gather", &self.gather)
            .field("page_bytes", &self.page_bytes)
            .finish_non_exhaustive()
    }
}

/// An open data directory. Closing it (the last drop of it and of its ports) finishes what was begun.
pub struct Store {
    directory: Directory,
    jobs: Arc<Jobs>,
    submissions: Arc<Submissions>,
    files: Arc<Files>,
    uploads: Arc<Uploads>,
    batches: Arc<Batches>,
    receivers: Arc<Receivers>,
    notices: Arc<Notices>,
    chunks: Arc<Chunks>,
    classes: Arc<Classes>,
    intake: Arc<Intake>,
    objects: Arc<Objects>,
    mailbox: Arc<Mailbox>,
    usage: Arc<Usage>,
    keys: Arc<Keys>,
    credentials: Arc<Credentials>,
}

impl Store {
    /// Opens a directory to serve from it, creating or migrating it where needed. Blocks on files.
    ///
    /// # Errors
    /// [`OpenError`]: in use by another server, written by a newer version, without its key, or not accessible.
    pub fn open(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let directory = Directory::new(dir);
        directory.create()?;
        let lock = directory.lock()?;
        directory.seclude()?;
        let mut connection = connect(&directory, options)?;
        let database = |source| OpenError::Database { path: directory.database(), source };
        refuse_newer(&directory, &connection)?;
        schema::migrate(&mut connection, schema::MIGRATIONS).map_err(database)?;
        let sealed = connection
            .query_row("SELECT EXISTS (SELECT 1 FROM credentials)", (), |row| row.get::<_, bool>(0))
            .map_err(database)?;
        Objects::tidy(&directory.incoming()).map_err(|source| at(&directory.incoming(), source))?;
        Self::assemble(directory, connection, options, Some(lock), !sealed)
    }

    /// Opens a directory beside the server that uses it, for reading and for changing keys. Blocks on files.
    ///
    /// # Errors
    /// [`OpenError`]: no database there, another schema than this version's, or not accessible.
    pub fn open_shared(dir: &Path) -> Result<Self, OpenError> {
        let directory = Directory::new(dir);
        if !directory.database().is_file() {
            return Err(OpenError::Missing(dir.to_owned()));
        }
        let options = Options::default();
        let connection = connect(&directory, &options)?;
        let found = refuse_newer(&directory, &connection)?;
        if found < schema::latest() {
            return Err(OpenError::Older { dir: dir.to_owned(), found });
        }
        Self::assemble(directory, connection, &options, None, false)
    }

    fn assemble(
        directory: Directory,
        mut connection: Connection,
        options: &Options,
        lock: Option<File>,
        may_create_key: bool,
    ) -> Result<Self, OpenError> {
        let path = directory.database();
        let database = |source| OpenError::Database { path: directory.database(), source };
        let key = SealingKey::new(&directory.key_bytes(may_create_key)?).map_err(|_| directory.odd_key())?;
        let readers = Readers::open(&path).map_err(database)?;
        let queues = crate::intake::queues(&connection).map_err(database)?;
        let own = connect(&directory, options)?;
        let checkpointer = Checkpointer::start(&mut connection, own).map_err(database)?;
        let serving = lock.is_some();
        let writer = Writer::start(connection, checkpointer, options.gather, lock);
        let writer = Arc::new(writer.map_err(|source| at(&path, source))?);
        let objects = Arc::new(Objects::new(directory.objects(), directory.incoming()));
        let folders = directory.folders();
        let folders = Folders {
            inbox: options.inbox.clone().unwrap_or(folders.inbox),
            outbox: options.outbox.clone().unwrap_or(folders.outbox),
            ..folders
        };
        let (w, r) = (|| Arc::clone(&writer), || Arc::clone(&readers));
        Ok(Self {
            jobs: Arc::new(Jobs::new(w(), r())),
            submissions: Arc::new(Submissions::new(w(), r())),
            files: Arc::new(Files::new(w(), r())),
            uploads: Arc::new(Uploads::new(w(), r())),
            batches: Arc::new(Batches::new(w(), r())),
            receivers: Arc::new(Receivers::new(w(), r())),
            notices: Arc::new(Notices::new(w(), r())),
            chunks: Arc::new(Chunks::new(w(), r())),
            classes: Arc::new(Classes::new(w(), r())),
            intake: Arc::new(Intake::new(w(), r(), Arc::clone(&objects), queues, serving)),
            usage: Arc::new(Usage::new(w(), r())),
            keys: Arc::new(Keys::new(w(), r())),
            credentials: Arc::new(Credentials::new(w(), r(), key, options.credentials.clone())),
            objects,
            mailbox: Arc::new(Mailbox::new(folders)),
            directory,
        })
    }

    /// The rows of jobs.
    pub fn jobs(&self) -> Arc<Jobs> {
        Arc::clone(&self.jobs)
    }

    /// The rows of submissions.
    pub fn submissions(&self) -> Arc<Submissions> {
        Arc::clone(&self.submissions)
    }

    /// The rows of callers' files.
    pub fn files(&self) -> Arc<Files> {
        Arc::clone(&self.files)
    }

    /// The rows of callers' uploads.
    pub fn uploads(&self) -> Arc<Uploads> {
        Arc::clone(&self.uploads)
    }

    /// The rows of callers' batches.
    pub fn batches(&self) -> Arc<Batches> {
        Arc::clone(&self.batches)
    }

    /// The rows of tenants' receivers.
    pub fn receivers(&self) -> Arc<Receivers> {
        Arc::clone(&self.receivers)
    }

    /// The outbox.
    pub fn notices(&self) -> Arc<Notices> {
        Arc::clone(&self.notices)
    }

    /// The rows of chunks, and what tenants were served.
    pub fn chunks(&self) -> Arc<Chunks> {
        Arc::clone(&self.chunks)
    }

    /// The rows of classes.
    pub fn classes(&self) -> Arc<Classes> {
        Arc::clone(&self.classes)
    }

    /// The intake queues.
    pub fn intake(&self) -> Arc<Intake> {
        Arc::clone(&self.intake)
    }

    /// The object store.
    pub fn objects(&self) -> Arc<Objects> {
        Arc::clone(&self.objects)
    }

    /// Inbox and outbox; they are to be prepared before they are used.
    pub fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.mailbox)
    }

    /// The usage rows.
    pub fn usage(&self) -> Arc<Usage> {
        Arc::clone(&self.usage)
    }

    /// The API keys of callers.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }

    /// The keys towards providers.
    pub fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.credentials)
    }

    /// Everything in the database as it is at this moment. Blocks briefly on files.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Snapshot::take(&self.directory.database())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("directory", &self.directory.path()).finish_non_exhaustive()
    }
}

fn connect(directory: &Directory, options: &Options) -> Result<Connection, OpenError> {
    let path = directory.database();
    schema::connect_writer(&path, options.page_bytes, options.cache_bytes)
        .map_err(|source| OpenError::Database { path, source })
}

/// The schema that is there, unless it is unknown to this version.
fn refuse_newer(directory: &Directory, connection: &Connection) -> Result<i64, OpenError> {
    let (dir, known) = (directory.path().to_owned(), schema::latest());
    let found =
        schema::version(connection).map_err(|source| OpenError::Database { path: directory.database(), source })?;
    if found > known { Err(OpenError::Newer { dir, found, known }) } else { Ok(found) }
}
