//! A part: durable first, and then a part of its upload.

use bytes::Bytes;

use super::{MAX_PART_BYTES, MAX_PARTS, PREFIX, UploadError, pending, tidy};
use crate::file::UploadPart;
use crate::ids::{ObjectName, PartId, TenantId, UploadId};
use crate::ports::{ObjectWriter, Ports};

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
