//! Complete: the parts become one file, once.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use md5::{Digest, Md5};

use super::{MAX_PARTS, UploadError, get, pending, tidy};
use crate::file::{File, Upload, UploadPart, UploadState, object_name};
use crate::flows::files::{NewFile, created_ms, receive_as};
use crate::hex;
use crate::ids::{NativeFileId, PartId, TenantId, UploadId};
use crate::ports::{Ports, StoreError};

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
        let chosen = ordered(&upload, order)?;
        let file = assemble(ports, &upload, &chosen, md5).await?;
        let after = Upload { state: UploadState::Completed { file: file.id }, ..upload };
        // A part came meanwhile, or another completion or the cancellation was faster.
        if !ports.uploads.replace(&after).await? {
            if get(ports, tenant, id).await?.state != after.state {
                ports.objects.delete(&file.object).await?;
            }
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
        let is_readable = file.is_readable(ports.clock.now_ms());
        return if is_readable { Ok((upload, file)) } else { Err(UploadError::Ended("completed")) };
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

/// The parts that an order names: each once, and as many bytes as were declared.
fn ordered(upload: &Upload, order: &[String]) -> Result<Vec<UploadPart>, UploadError> {
    let mut parts: Vec<UploadPart> = Vec::with_capacity(order.len().min(MAX_PARTS));
    let mut left: BTreeMap<PartId, &UploadPart> = upload.parts.iter().map(|part| (part.id, part)).collect();
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
    chosen: &[UploadPart],
    md5: Option<&str>,
) -> Result<File, UploadError> {
    let mut receiving = receive_as(ports, upload.bytes, upload.expires_after_ms.is_some()).await?;
    let mut sum = Md5::new();
    for part in chosen {
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
