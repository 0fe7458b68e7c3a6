//! Uploads: a file in parts, which come side by side and become one in the order that their caller names.
//!
//! ```text
//! pending ─► part … part ─► content durable ─► completed (the file's id) ─► the file's row ─► parts deleted
//! ```
//! The row of the upload is authoritative: until it says completed, the content is nobody's; once it does, a repeat
//! writes the file's row from it.

use bytes::Bytes;
use futures_util::StreamExt;
use md5::{Digest, Md5};

use super::files::{NewFile, ReceiveError, created_ms, receive_as};
use crate::file::{File, Upload, UploadPart, UploadState, object_name};
use crate::hex;
use crate::ids::{NativeFileId, ObjectName, PartId, TenantId, UploadId};
use crate::ports::{ObjectWriter, Ports, StoreError};

/// An upload takes parts for an hour (OpenAI's description of its API, read 2026-11-20).
pub const LIFETIME_MS: u64 = 3_600_000;

/// The largest file that may come in parts, bytes (the same source).
pub const MAX_BYTES: u64 = 8 << 30;

/// The largest part, bytes (the same source).
pub const MAX_PART_BYTES: u64 = 64 << 20;

/// Parts of one upload: 8 GB in parts of 4 MiB, and few enough for one row.
pub const MAX_PARTS: usize = 2_100;

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

/// A part on its way. Dropped before it is finished, nothing is left of it.
pub struct IncomingPart {
    tenant: TenantId,
    upload: UploadId,
    part: UploadPart,
    writer: Box<dyn ObjectWriter>,
}

impl std::fmt::Debug for IncomingPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingPart").field("part", &self.part).finish_non_exhaustive()
    }
}

impl IncomingPart {
    /// Begins a part of a pending upload.
    ///
    /// # Errors
    /// [`UploadError::NotFound`], [`UploadError::Ended`], [`UploadError::TooManyParts`], [`UploadError::Store`].
    pub async fn begin(ports: &Ports, tenant: &TenantId, upload: UploadId) -> Result<Self, UploadError> {
        if pending(ports, tenant, upload).await?.parts.len() >= MAX_PARTS {
            return Err(UploadError::TooManyParts(MAX_PARTS));
        }
        let id = PartId(ports.random.bits());
        let object = ObjectName(format!("{PREFIX}{id}"));
        let writer = ports.objects.create(&object).await?;
        Ok(Self { tenant: tenant.clone(), upload, part: UploadPart { id, object, bytes: 0 }, writer })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`UploadError::PartTooLarge`], [`UploadError::Store`]: it is of no more use.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), UploadError> {
        self.part.bytes += bytes.len() as u64;
        if self.part.bytes > MAX_PART_BYTES {
            return Err(UploadError::PartTooLarge(MAX_PART_BYTES));
        }
        Ok(self.writer.write(bytes).await?)
    }

    /// Makes the part durable, and then a part of its upload, however many come at once.
    ///
    /// # Errors
    /// As [`Self::begin`]: the upload may have ended meanwhile. [`UploadError::Store`]: it may be a part.
    pub async fn finish(self, ports: &Ports) -> Result<PartId, UploadError> {
        self.writer.finish().await?;
        loop {
            let mut upload = match pending(ports, &self.tenant, self.upload).await {
                Ok(upload) if upload.parts.len() < MAX_PARTS => upload,
                Ok(_) => return Err(discarded(ports, &self.part, UploadError::TooManyParts(MAX_PARTS)).await),
                Err(error) => return Err(discarded(ports, &self.part, error).await),
            };
            upload.parts.push(self.part.clone());
            if ports.uploads.replace(&upload).await? {
                return Ok(self.part.id);
            }
        }
    }
}

/// Deletes the content of what did not become a part; what stays goes with its age.
async fn discarded(ports: &Ports, part: &UploadPart, error: UploadError) -> UploadError {
    if !matches!(error, UploadError::Store(_)) {
        tidy(ports, std::slice::from_ref(part)).await;
    }
    error
}

async fn tidy(ports: &Ports, parts: &[UploadPart]) {
    for part in parts {
        if let Err(error) = ports.objects.delete(&part.object).await {
            tracing::warn!(%error, object = %part.object, "a part of an upload could not be deleted");
        }
    }
}

/// Makes the parts a file, in this order. A repeat, also one with another order, finds the same file.
///
/// # Errors
/// [`UploadError`]. After any but [`UploadError::Ended`] and [`UploadError::NotFound`] it may be tried again.
pub async fn complete(
    ports: &Ports,
    tenant: &TenantId,
    id: UploadId,
    order: &[String],
    md5: Option<&str>,
) -> Result<(Upload, File), UploadError> {
    loop {
        let upload = get(ports, tenant, id).await?;
        if let UploadState::Completed { file } = upload.state {
            return completed(ports, upload, file).await;
        }
        let upload = pending(ports, tenant, id).await?;
        let parts = ordered(&upload, order)?;
        let file = assemble(ports, &upload, &parts, md5).await?;
        let after = Upload { state: UploadState::Completed { file: file.id }, ..upload };
        // A part came meanwhile, or another completion or the cancellation was faster.
        if !ports.uploads.replace(&after).await? {
            ports.objects.delete(&file.object).await?;
            continue;
        }
        ports.files.create(&file).await?;
        tidy(ports, &after.parts).await;
        return Ok((Upload { version: after.version + 1, ..after }, file));
    }
}

/// The file of a completed upload. Whoever completed it may have been killed before the file's row was there.
async fn completed(ports: &Ports, upload: Upload, id: NativeFileId) -> Result<(Upload, File), UploadError> {
    if let Some(file) = ports.files.get(id).await? {
        return Ok((upload, file));
    }
    let expires_after_ms = upload.expires_after_ms;
    let object = object_name(&id.text(), expires_after_ms.is_some());
    match ports.objects.stream(&object).await {
        Ok(_) => {}
        // It was deleted since.
        Err(StoreError::NotFound) => return Err(UploadError::Ended("completed")),
        Err(error) => return Err(error.into()),
    }
    let file = new_file(&upload).row((id, created_ms(id)), object, upload.bytes);
    ports.files.create(&file).await?;
    Ok((upload, file))
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

/// The parts that an order names: each once, and as many bytes as were declared.
fn ordered(upload: &Upload, order: &[String]) -> Result<Vec<UploadPart>, UploadError> {
    let mut parts: Vec<UploadPart> = Vec::with_capacity(order.len().min(MAX_PARTS));
    let mut left: std::collections::BTreeMap<PartId, &UploadPart> =
        upload.parts.iter().map(|part| (part.id, part)).collect();
    for name in order {
        let part = name.parse().ok().and_then(|id: PartId| left.remove(&id));
        parts.push(part.ok_or_else(|| UploadError::WrongPart(name.clone()))?.clone());
    }
    let found = parts.iter().map(|part| part.bytes).sum();
    if found == upload.bytes { Ok(parts) } else { Err(UploadError::WrongBytes { declared: upload.bytes, found }) }
}

/// Writes the content of the parts, one after the other, as that of a file.
async fn assemble(
    ports: &Ports,
    upload: &Upload,
    parts: &[UploadPart],
    md5: Option<&str>,
) -> Result<File, UploadError> {
    let mut receiving = receive_as(ports, upload.bytes, upload.expires_after_ms.is_some()).await?;
    let mut sum = Md5::new();
    for part in parts {
        let (_, mut pieces) = ports.objects.stream(&part.object).await?;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            sum.update(&piece);
            receiving.write(piece).await?;
        }
    }
    if md5.is_some_and(|md5| !md5.eq_ignore_ascii_case(&hex::encode(&sum.finalize()))) {
        return Err(UploadError::WrongSum);
    }
    Ok(receiving.store(new_file(upload)).await?)
}

fn new_file(upload: &Upload) -> NewFile {
    NewFile {
        tenant: upload.tenant.clone(),
        purpose: upload.purpose,
        filename: upload.filename.clone(),
        expires_after_ms: upload.expires_after_ms,
        id: None,
    }
}
