//! Uploads: a file in parts, which come side by side and become one in the order that their caller names.
//!
//! ```text
//! pending ─► part … part ─► content durable ─► completed (the file's id) ─► the file's row ─► parts deleted
//! ```
//! The row of the upload is authoritative: until it says completed, the content is nobody's; once it does, a repeat
//! writes the file's row from it.

mod complete;
mod part;

use futures_util::{StreamExt, stream};

pub use complete::complete;
pub use part::IncomingPart;

use super::files::{NewFile, ReceiveError};
use crate::file::{Upload, UploadPart, UploadState};
use crate::ids::{TenantId, UploadId};
use crate::ports::{Ports, StoreError};

/// An upload takes parts for an hour (OpenAI's description of its API, read 2026-11-20).
pub const LIFETIME_MS: u64 = 3_600_000;

/// The largest file that may come in parts, bytes (the same source).
pub const MAX_BYTES: u64 = 8 << 30;

/// The largest part, bytes (the same source).
pub const MAX_PART_BYTES: u64 = 64 << 20;

/// Parts of one upload: 8 GB in parts of 4 MiB, and few enough for one row.
pub const MAX_PARTS: usize = 2_100;

/// Parts deleted at once.
const DELETING: usize = 32;

/// Where parts lie until they are a file.
pub const PREFIX: &str = "uploads/";

/// Why an upload does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// There is no such upload of this tenant.
    #[error("there is no such upload")]
    NotFound,
    /// It takes no parts, and cannot be completed or cancelled any more.
    #[error("the upload has the status {0}")]
    Ended(&'static str),
    /// A part is too large.
    #[error("a part is larger than {0} bytes")]
    PartTooLarge(u64),
    /// There are too many parts.
    #[error("the upload has more than {0} parts")]
    TooManyParts(usize),
    /// The order names what is no part, or a part twice.
    #[error("{0} is no part of the upload, or is named twice")]
    WrongPart(String),
    /// The parts are not as many bytes as were declared.
    #[error("the parts have {found} bytes, and {declared} were declared")]
    WrongBytes {
        /// By whoever created the upload.
        declared: u64,
        /// In the parts that were named.
        found: u64,
    },
    /// The content is not what its caller meant.
    #[error("the content has another MD5 sum")]
    WrongSum,
    /// It is for a batch, and its first line is no JSON object.
    #[error("the first line is not a JSON object")]
    NotJsonl,
    /// A store could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ReceiveError> for UploadError {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::NotJsonl => Self::NotJsonl,
            ReceiveError::TooLarge { most } => Self::WrongBytes { declared: most, found: most.saturating_add(1) },
            ReceiveError::Store(error) => Self::Store(error),
        }
    }
}

/// Begins an upload of a file of so many bytes.
///
/// # Errors
/// [`StoreError`]: it may have begun.
pub async fn create(ports: &Ports, new: NewFile, mime_type: String, bytes: u64) -> Result<Upload, StoreError> {
    let created_ms = ports.clock.now_ms();
    let upload = Upload {
        id: UploadId(ports.random.bits()),
        expires_after_ms: new.lifetime_ms(),
        tenant: new.tenant,
        version: 1,
        purpose: new.purpose,
        filename: new.filename,
        mime_type,
        bytes,
        created_ms,
        expires_ms: created_ms + LIFETIME_MS,
        state: UploadState::Pending,
        parts: Vec::new(),
    };
    ports.uploads.create(&upload).await?;
    Ok(upload)
}

/// What an upload's status is called: pending, completed, cancelled or expired.
pub fn status(upload: &Upload, now_ms: u64) -> &'static str {
    match upload.state {
        UploadState::Pending if now_ms >= upload.expires_ms => "expired",
        UploadState::Pending => "pending",
        UploadState::Completed { .. } => "completed",
        UploadState::Cancelled => "cancelled",
    }
}

async fn get(ports: &Ports, tenant: &TenantId, id: UploadId) -> Result<Upload, UploadError> {
    let upload = ports.uploads.get(id).await?;
    upload.filter(|upload| upload.tenant == *tenant).ok_or(UploadError::NotFound)
}

/// The tenant's upload, if it is pending.
async fn pending(ports: &Ports, tenant: &TenantId, id: UploadId) -> Result<Upload, UploadError> {
    let upload = get(ports, tenant, id).await?;
    match status(&upload, ports.clock.now_ms()) {
        "pending" => Ok(upload),
        ended => Err(UploadError::Ended(ended)),
    }
}

async fn tidy(ports: &Ports, parts: &[UploadPart]) {
    let delete = |part: UploadPart| async move {
        if let Err(error) = ports.objects.delete(&part.object).await {
            tracing::warn!(%error, object = %part.object, "a part of an upload could not be deleted");
        }
    };
    stream::iter(parts.to_vec()).for_each_concurrent(DELETING, delete).await;
}

/// Gives an upload up; one that was given up already stays so.
///
/// # Errors
/// [`UploadError::NotFound`], [`UploadError::Ended`], [`UploadError::Store`].
pub async fn cancel(ports: &Ports, tenant: &TenantId, id: UploadId) -> Result<Upload, UploadError> {
    loop {
        let upload = get(ports, tenant, id).await?;
        if upload.state == UploadState::Cancelled {
            return Ok(upload);
        }
        let upload = pending(ports, tenant, id).await?;
        let after = Upload { state: UploadState::Cancelled, ..upload };
        if ports.uploads.replace(&after).await? {
            tidy(ports, &after.parts).await;
            return Ok(Upload { version: after.version + 1, ..after });
        }
    }
}
