//! What can go wrong, in this room's words.

use std::io;
use std::path::PathBuf;

use offpeak_core::ports::StoreError;

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process serves from it.
    #[error("{} is in use by another running `offpeak serve`; stop that one, or use another data directory", .0.display())]
    InUse(PathBuf),
    /// There is no database to share.
    #[error("{} holds no Offpeak database; `offpeak serve --data-dir` creates one", .0.display())]
    Missing(PathBuf),
    /// It was written by a later version.
    #[error("{} was written by a newer Offpeak (schema {found}, this one knows up to {known}); run that version", dir.display())]
    Newer {
        /// The directory.
        dir: PathBuf,
        /// The schema that is there.
        found: i64,
        /// The latest schema of this version.
        known: i64,
    },
    /// Its database is at an earlier schema, which only a server may migrate.
    #[error("{} was written by an older Offpeak (schema {found}); start `offpeak serve` once to migrate it", dir.display())]
    Older {
        /// The directory.
        dir: PathBuf,
        /// The schema that is there.
        found: i64,
    },
    /// The key file is gone, or is not a key.
    #[error("{}: {reason}; sealed credentials cannot be opened without the key that sealed them", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// SQLite refused.
    #[error("{}: {source}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
}

/// What went wrong inside a port.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    #[error("file: {0}")]
    File(#[from] io::Error),
    #[error("the writer has stopped")]
    Stopped,
    #[error("opened for reading only")]
    ReadOnly,
    #[error("a file was changed while it was read")]
    Changed,
    #[error("not an object name")]
    BadName,
    #[error("no such thing")]
    NoSuch,
    #[error("{0}")]
    Garbled(&'static str),
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        let text = fault.to_string();
        match fault {
            Fault::NoSuch => Self::NotFound,
            Fault::Garbled(_) => Self::Corrupt(text),
            Fault::Database(error) if is_corrupt(&error) => Self::Corrupt(text),
            Fault::File(error) if error.kind() == io::ErrorKind::NotFound => Self::NotFound,
            Fault::Database(_)
            | Fault::File(_)
            | Fault::Stopped
            | Fault::Changed
            | Fault::ReadOnly
            | Fault::BadName => Self::Unavailable(text),
        }
    }
}

/// Whether a repeat would fail in the same way because of what is stored.
fn is_corrupt(error: &rusqlite::Error) -> bool {
    use rusqlite::{Error as E, ErrorCode as C};
    if let E::SqliteFailure(failure, _) = error {
        return matches!(failure.code, C::DatabaseCorrupt | C::NotADatabase);
    }
    matches!(
        error,
        E::FromSqlConversionFailure(..) | E::InvalidColumnType(..) | E::IntegralValueOutOfRange(..) | E::Utf8Error(..)
    )
}
