//! A file: what a caller stored under a name, or what a caller's batch left behind.
//!
//! Its content is one object of the object store; the row says whose it is, where it lies and how long it may be read.

mod first_line;
mod purpose;
mod upload;

use serde::{Deserialize, Serialize};

pub use first_line::FirstLine;
pub use purpose::Purpose;
pub use upload::{Upload, UploadPart, UploadState};

use crate::ids::{NativeFileId, ObjectName, TenantId};

/// The row of one file. It never changes: a file is created and deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Ascending with [`File::created_ms`], unless it derives from what its caller asked for.
    pub id: NativeFileId,
    /// Whose file it is.
    pub tenant: TenantId,
    /// What it is for.
    pub purpose: Purpose,
    /// The name that its caller gave it.
    pub filename: String,
    /// Bytes of its content.
    pub bytes: u64,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// From when on it is as if it did not exist, Unix milliseconds; never if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// Its content.
    pub object: ObjectName,
}

impl File {
    /// Whether it may still be read.
    pub fn is_readable(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|expires_ms| now_ms < expires_ms)
    }
}

/// The shortest and the longest time after which a file may expire, in seconds (OpenAI's description of its API,
/// `FileExpirationAfter`, read 2026-11-20).
pub const EXPIRY_S: std::ops::RangeInclusive<u64> = 3_600..=2_592_000;

/// What a batch reads and leaves expires after 30 days unless its caller says otherwise (the same source).
pub const BATCH_EXPIRY_MS: u64 = 2_592_000_000;

/// Where the content of a new file is stored.
///
/// `fresh` is a name that nobody used before. What expires does so within [`BATCH_EXPIRY_MS`] and lies apart, so that a
/// rule on age can delete what a crash left there.
pub fn object_name(fresh: &str, expires: bool) -> ObjectName {
    ObjectName(format!("files/{}/{fresh}", if expires { "expiring" } else { "kept" }))
}
