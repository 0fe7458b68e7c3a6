//! Sweep what callers stored: expired files, uploads that were given up, batches that ended and notices decided long ago.
//!
//! For stores that do not delete by themselves. Content goes before the row that names it; what a crash left without a
//! row goes by its age.

use std::fmt;

use super::files::remove;
use super::sweep::retire_objects;
use super::uploads;
use crate::file::{BATCH_EXPIRY_MS, object_name};
use crate::ports::{BatchSweep, FileSweep, NoticeSweep, Ports, StoreError, UploadSweep};

/// Rows looked at in one call.
const ROWS: usize = 1_000;

const DAY_MS: u64 = 86_400_000;

/// What a sweep deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Files, each with its content.
    pub files: usize,
    /// Rows of uploads.
    pub uploads: usize,
    /// Rows of batches.
    pub batches: usize,
    /// Rows of notices.
    pub notices: usize,
    /// Contents without a row, and parts of uploads.
    pub objects: usize,
}

/// The rows that are swept.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// Of files.
    pub files: &'a dyn FileSweep,
    /// Of uploads.
    pub uploads: &'a dyn UploadSweep,
    /// Of batches.
    pub batches: &'a dyn BatchSweep,
    /// Of notices.
    pub notices: &'a dyn NoticeSweep,
}

impl fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

/// Deletes the files that have expired.
///
/// # Errors
/// [`StoreError`]: repeat at the next sweep.
pub async fn expire_files(ports: &Ports, files: &dyn FileSweep) -> Result<usize, StoreError> {
    let now_ms = ports.clock.now_ms();
    let mut expired = 0;
    loop {
        let rows = files.expired(now_ms, ROWS).await?;
        for file in &rows {
            remove(ports, file).await?;
        }
        expired += rows.len();
        if rows.len() < ROWS {
            return Ok(expired);
        }
    }
}

/// Deletes what has expired, and the batches and notices that ended more than `retention_ms` ago.
///
/// # Errors
/// [`StoreError`]: repeat at the next sweep.
pub async fn retire(ports: &Ports, rows: Rows<'_>, retention_ms: u64) -> Result<Swept, StoreError> {
    let Rows { files, uploads, batches, notices } = rows;
    let now_ms = ports.clock.now_ms();
    let mut swept = Swept { files: expire_files(ports, files).await?, ..Swept::default() };
    loop {
        let gone = uploads.retire(now_ms.saturating_sub(DAY_MS), ROWS).await?;
        swept.uploads += gone;
        if gone < ROWS {
            break;
        }
    }
    loop {
        let gone = batches.retire(now_ms.saturating_sub(retention_ms), ROWS).await?;
        swept.batches += gone;
        if gone < ROWS {
            break;
        }
    }
    loop {
        let gone = notices.retire(now_ms.saturating_sub(retention_ms), ROWS).await?;
        swept.notices += gone;
        if gone < ROWS {
            break;
        }
    }
    // Nothing is longer on its way than an upload lives, and a day more.
    let parts_before_ms = now_ms.saturating_sub(uploads::LIFETIME_MS + DAY_MS);
    swept.objects += retire_objects(ports, uploads::PREFIX, parts_before_ms).await?;
    let files_before_ms = now_ms.saturating_sub(BATCH_EXPIRY_MS + DAY_MS);
    swept.objects += retire_objects(ports, object_name("", true).as_str(), files_before_ms).await?;
    Ok(swept)
}
