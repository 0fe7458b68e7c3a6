//! Uploads: a file in parts that arrive side by side, joined in the order that its caller names.
//!
//! Each part is durable before the row lists it. The file is durable, and has its row, before the upload says so; its id
//! derives from the upload's, so that a completion that was cut off may be repeated.

use base64::Engine as _;
use bytes::Bytes;
use futures_util::StreamExt;
use md5::{Digest, Md5};

use super::files::{self, NewFile, ReceiveError, Receiving};
use crate::file::{File, Purpose, Upload, UploadPart, UploadState};
use crate::hex;
use crate::ids::{NativeFileId, ObjectName, PartId, TenantId, UploadId};
use crate::ports::{ObjectWriter, Ports, StoreError};

/// The largest file: 8 GB (OpenAI's Uploads API, read 2026-11-20).
pub const MAX_BYTES: u64 = 8_000_000_000;

/// The largest part: 64 MB (the same source); its helper sends 64 MiB.
pub const MAX_PART_BYTES: u64 = 67_108_864;

/// Parts of one upload: its row must stay small.
pub const MAX_PARTS: usize = 2_000;

/// How long parts may come: an hour (the same source).
const OPEN_MS: u64 = 3_600_000;

/// What is to be uploaded.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// Whose upload it is.
    pub tenant: TenantId,
    /// What the file is for.
    pub purpose: Purpose,
    /// Its name.
    pub filename: String,
    /// Its type.
    pub mime_type: String,
    /// Bytes, at most [`MAX_BYTES`].
    pub bytes: u64,
    /// After so many milliseconds the file expires; see [`NewFile::expires_after_ms`].
    pub expires_after_ms: Option<u64>,
}

/// Why an upload did not go on.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The tenant has no such upload.
    #[error("no such upload")]
    NotFound,
    /// It takes nothing more: it is complete, cancelled or expired.
    #[error("the upload takes nothing more")]
    NotPending,
    /// It has no such part, or the part is named twice.
    #[error("the upload has no such part, or it is named twice: {0}")]
    UnknownPart(PartId),
    /// It has as many parts as it may.
    #[error("the upload has {MAX_PARTS} parts")]
    TooManyParts,
    /// A part has more bytes than it may.
    #[error("a part has at most {MAX_PART_BYTES} bytes")]
    PartTooLarge,
    /// The parts do not add up to what was announced.
    #[error("the parts have {got} bytes, and {want} were announced")]
    WrongSize {
        /// Bytes announced.
        want: u64,
        /// Bytes of the parts.
        got: u64,
    },
    /// The file is another than the one that was announced.
    #[error("the MD5 of the parts is another")]
    WrongMd5,
    /// The parts do not make a file.
    #[error(transparent)]
    File(ReceiveError),
    /// The store could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Begins an upload. Durable when it returns.
///
/// # Errors
/// [`StoreError`]: it may have been stored.
pub async fn create(ports: &Ports, new: NewUpload) -> Result<Upload, StoreError> {
    let created_ms = ports.clock.now_ms();
    let upload = Upload {
        id: UploadId(super::ascending(ports)),
        tenant: new.tenant,
        version: 1,
        purpose: new.purpose,
        filename: new.filename,
        mime_type: new.mime_type,
        bytes: new.bytes,
        expires_after_ms: new.expires_after_ms,
        created_ms,
        expires_ms: created_ms + OPEN_MS,
        state: UploadState::Pending,
        parts: Vec::new(),
    };
    ports.uploads.create(&upload).await?;
    Ok(upload)
}

/// The tenant's upload of that id.
///
/// # Errors
/// [`StoreError`].
pub async fn get(ports: &Ports, tenant: &TenantId, id: UploadId) -> Result<Option<Upload>, StoreError> {
    Ok(ports.uploads.get(id).await?.filter(|upload| upload.tenant == *tenant))
}

/// Whether it takes parts.
pub fn is_pending(upload: &Upload, now_ms: u64) -> bool {
    upload.state == UploadState::Pending && now_ms < upload.expires_ms
}

async fn pending(ports: &Ports, tenant: &TenantId, id: UploadId) -> Result<Upload, UploadError> {
    let upload = get(ports, tenant, id).await?.ok_or(UploadError::NotFound)?;
    if is_pending(&upload, ports.clock.now_ms()) { Ok(upload) } else { Err(UploadError::NotPending) }
}

/// A part while it arrives. Dropped before it is finished, nothing is left of it.
pub struct ReceivingPart<'a> {
    ports: &'a Ports,
    tenant: TenantId,
    upload: UploadId,
    object: ObjectName,
    writer: Box<dyn ObjectWriter>,
    bytes: u64,
}

impl std::fmt::Debug for ReceivingPart<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceivingPart").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Begins to receive a part.
///
/// # Errors
/// [`UploadError`].
pub async fn receive_part<'a>(
    ports: &'a Ports,
    tenant: &TenantId,
    id: UploadId,
) -> Result<ReceivingPart<'a>, UploadError> {
    let upload = pending(ports, tenant, id).await?;
    if upload.parts.len() >= MAX_PARTS {
        return Err(UploadError::TooManyParts);
    }
    let object = ObjectName(format!("uploads/{id}/{}", hex::encode(&ports.random.bits())));
    let writer = ports.objects.create(&object).await?;
    Ok(ReceivingPart { ports, tenant: tenant.clone(), upload: id, object, writer, bytes: 0 })
}

impl ReceivingPart<'_> {
    /// Takes the next piece.
    ///
    /// # Errors
    /// [`UploadError`]: it cannot become a part.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), UploadError> {
        self.bytes += piece.len() as u64;
        if self.bytes > MAX_PART_BYTES {
            return Err(UploadError::PartTooLarge);
        }
        Ok(self.writer.write(piece).await?)
    }

    /// All of it has come. Durable, and listed, when it returns.
    ///
    /// # Errors
    /// [`UploadError`]. After [`UploadError::Store`] it may be listed.
    pub async fn finish(self) -> Result<UploadPart, UploadError> {
        let Self { ports, tenant, upload, object, writer, bytes } = self;
        writer.finish().await?;
        let part = UploadPart { id: PartId(ports.random.bits()), object, bytes };
        loop {
            let mut row = pending(ports, &tenant, upload).await?;
            if row.parts.len() >= MAX_PARTS {
                return Err(UploadError::TooManyParts);
            }
            row.parts.push(part.clone());
            if ports.uploads.replace(&row).await? {
                return Ok(part);
            }
        }
    }
}

/// Joins the named parts into a file, in their order; what is not named is left out.
///
/// `md5` is of the whole, in
/// hexadecimal or base64. An upload that is complete already gives its file again.
///
/// # Errors
/// [`UploadError`]. After [`UploadError::Store`] it may be complete.
pub async fn complete(
    ports: &Ports,
    tenant: &TenantId,
    id: UploadId,
    order: &[PartId],
    md5: Option<&str>,
) -> Result<(Upload, File), UploadError> {
    let upload = get(ports, tenant, id).await?.ok_or(UploadError::NotFound)?;
    if let UploadState::Completed { file } = upload.state {
        let file = files::get(ports, tenant, file).await?.ok_or(UploadError::NotPending)?;
        return Ok((upload, file));
    }
    if !is_pending(&upload, ports.clock.now_ms()) {
        return Err(UploadError::NotPending);
    }
    let named = named(&upload, order)?;
    let got = named.iter().map(|part| part.bytes).sum();
    if got != upload.bytes {
        return Err(UploadError::WrongSize { want: upload.bytes, got });
    }
    let mut receiving = files::receive(ports, MAX_BYTES).await?;
    let found = join(ports, &named, &mut receiving).await?;
    if md5.is_some_and(|wanted| !is_md5(wanted, &found)) {
        return Err(UploadError::WrongMd5);
    }
    let new = NewFile {
        tenant: tenant.clone(),
        purpose: upload.purpose,
        filename: upload.filename.clone(),
        expires_after_ms: upload.expires_after_ms,
        id: Some(file_id(&upload)),
    };
    let file = receiving.finish(new).await.map_err(told)?;
    settle(ports, tenant, id, file).await
}

/// Notes that the file exists; takes it back if the upload was cancelled meanwhile.
async fn settle(ports: &Ports, tenant: &TenantId, id: UploadId, file: File) -> Result<(Upload, File), UploadError> {
    loop {
        let upload = get(ports, tenant, id).await?.ok_or(UploadError::NotFound)?;
        match upload.state {
            UploadState::Completed { .. } => return Ok((upload, file)),
            UploadState::Cancelled => {
                files::delete(ports, tenant, file.id).await?;
                return Err(UploadError::NotPending);
            }
            UploadState::Pending => {
                let done = Upload { state: UploadState::Completed { file: file.id }, ..upload };
                if ports.uploads.replace(&done).await? {
                    forget_parts(ports, &done).await;
                    return Ok((Upload { version: done.version + 1, ..done }, file));
                }
            }
        }
    }
}

/// Gives an upload up: it takes nothing more. One that is cancelled already stays so.
///
/// # Errors
/// [`UploadError`]. After [`UploadError::Store`] it may be cancelled.
pub async fn cancel(ports: &Ports, tenant: &TenantId, id: UploadId) -> Result<Upload, UploadError> {
    loop {
        let upload = get(ports, tenant, id).await?.ok_or(UploadError::NotFound)?;
        if upload.state == UploadState::Cancelled {
            return Ok(upload);
        }
        if !is_pending(&upload, ports.clock.now_ms()) {
            return Err(UploadError::NotPending);
        }
        let given_up = Upload { state: UploadState::Cancelled, ..upload };
        if ports.uploads.replace(&given_up).await? {
            forget_parts(ports, &given_up).await;
            return Ok(Upload { version: given_up.version + 1, ..given_up });
        }
    }
}

/// The parts in the caller's order, each once.
fn named(upload: &Upload, order: &[PartId]) -> Result<Vec<UploadPart>, UploadError> {
    let mut named: Vec<UploadPart> = Vec::with_capacity(order.len());
    for id in order {
        let part = upload.parts.iter().find(|part| part.id == *id);
        match part {
            Some(part) if !named.contains(part) => named.push(part.clone()),
            Some(_) | None => return Err(UploadError::UnknownPart(*id)),
        }
    }
    Ok(named)
}

/// Copies the parts into the file; returns the MD5 of the whole.
async fn join(ports: &Ports, named: &[UploadPart], file: &mut Receiving<'_>) -> Result<[u8; 16], UploadError> {
    let mut hash = Md5::new();
    for part in named {
        let (_, mut pieces) = ports.objects.stream(&part.object).await?;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            hash.update(&piece);
            file.write(piece).await.map_err(told)?;
        }
    }
    Ok(hash.finalize().into())
}

fn is_md5(wanted: &str, found: &[u8; 16]) -> bool {
    let base64 = base64::engine::general_purpose::STANDARD.encode(found);
    wanted.eq_ignore_ascii_case(&hex::encode(found)) || wanted == base64
}

fn told(error: ReceiveError) -> UploadError {
    match error {
        ReceiveError::Store(error) => UploadError::Store(error),
        ReceiveError::NotJsonl | ReceiveError::TooLarge { .. } => UploadError::File(error),
    }
}

/// The id of an upload's file: ascending with the upload's time.
fn file_id(upload: &Upload) -> NativeFileId {
    NativeFileId(upload.id.0)
}

/// Deletes the parts' content. What cannot be deleted goes by its age.
async fn forget_parts(ports: &Ports, upload: &Upload) {
    for part in &upload.parts {
        let _ = ports.objects.delete(&part.object).await;
    }
}
