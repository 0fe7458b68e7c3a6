//! An object being written.
//!
//! ```text
//! write ──► buffer ──8 MiB──► parts, three uploads under way ──finish──► complete
//!                 └─finish, never more than 8 MiB──► one put
//! ```
//!
//! At most five parts are in memory. A writer that is dropped or fails aborts its upload; where not even that can be
//! done, the bucket's lifecycle does it a day later.

use async_trait::async_trait;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{ObjectWriter, StoreError};
use tokio::task::JoinSet;

use super::Objects;
use crate::backoff::patiently;
use crate::failure::unavailable;

/// Bytes of a part, and of the largest object that is put whole.
const PART_BYTES: usize = 8 << 20;
/// Parts being uploaded at once.
const UPLOADS: usize = 3;

/// An object that is not yet under its name.
pub(super) struct Writer {
    objects: Objects,
    name: ObjectName,
    buffer: BytesMut,
    length: u64,
    upload: Option<Upload>,
    has_failed: bool,
}

/// A multipart upload; dropped before it is complete, it is aborted.
struct Upload {
    objects: Objects,
    name: ObjectName,
    id: String,
    running: JoinSet<Result<CompletedPart, StoreError>>,
    parts: Vec<CompletedPart>,
    next: i32,
    is_complete: bool,
}

impl Writer {
    pub(super) fn new(objects: Objects, name: ObjectName) -> Self {
        Self { objects, name, buffer: BytesMut::new(), length: 0, upload: None, has_failed: false }
    }

    /// Sends every full part but the last: the rest of an upload must not be empty.
    async fn send_full_parts(&mut self) -> Result<(), StoreError> {
        while self.buffer.len() > PART_BYTES {
            let part = self.buffer.split_to(PART_BYTES).freeze();
            self.upload().await?.send(part).await?;
        }
        Ok(())
    }

    async fn upload(&mut self) -> Result<&mut Upload, StoreError> {
        let upload = match self.upload.take() {
            Some(upload) => upload,
            None => Upload::begin(self.objects.clone(), self.name.clone()).await?,
        };
        Ok(self.upload.insert(upload))
    }

    async fn put(&self, bytes: Bytes) -> Result<(), StoreError> {
        let put = patiently(|| {
            let call = self.objects.client.put_object().bucket(&self.objects.bucket);
            call.key(self.name.as_str()).body(bytes.clone().into()).send()
        });
        put.await.map(drop).map_err(|error| unavailable("PutObject", &error))
    }
}

#[async_trait]
impl ObjectWriter for Writer {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), StoreError> {
        if self.has_failed {
            return Err(StoreError::Unavailable("an object's writer has failed before".to_owned()));
        }
        self.has_failed = true;
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            // One part at a time, so that a large piece is not copied whole.
            let some = bytes.split_to(bytes.len().min(PART_BYTES));
            self.buffer.extend_from_slice(&some);
            self.send_full_parts().await?;
        }
        self.has_failed = false;
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64, StoreError> {
        if self.has_failed {
            return Err(StoreError::Unavailable("an object's writer has failed before".to_owned()));
        }
        let rest = self.buffer.split().freeze();
        match self.upload.take() {
            None => self.put(rest).await?,
            Some(upload) => upload.finish(rest).await?,
        }
        Ok(self.length)
    }
}

impl Upload {
    async fn begin(objects: Objects, name: ObjectName) -> Result<Self, StoreError> {
        let call = objects.client.create_multipart_upload().bucket(&objects.bucket).key(name.as_str());
        let begun = patiently(|| call.clone().send()).await;
        let begun = begun.map_err(|error| unavailable("CreateMultipartUpload", &error))?;
        let id = begun.upload_id.ok_or_else(|| StoreError::Unavailable("CreateMultipartUpload: no id".to_owned()))?;
        Ok(Self { objects, name, id, running: JoinSet::new(), parts: Vec::new(), next: 1, is_complete: false })
    }

    /// Begins to upload a part, once there is room beside the others.
    async fn send(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        while self.running.len() >= UPLOADS {
            self.wait_for_one().await?;
        }
        let number = self.next;
        self.next += 1;
        let (objects, name, id) = (self.objects.clone(), self.name.clone(), self.id.clone());
        self.running.spawn(async move {
            let sent = patiently(|| {
                let call = objects.client.upload_part().bucket(&objects.bucket).key(name.as_str());
                call.upload_id(&id).part_number(number).body(bytes.clone().into()).send()
            });
            let sent = sent.await.map_err(|error| unavailable("UploadPart", &error))?;
            Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
        });
        Ok(())
    }

    async fn wait_for_one(&mut self) -> Result<(), StoreError> {
        if let Some(part) = self.running.join_next().await {
            self.parts.push(part.map_err(|_| StoreError::Unavailable("UploadPart: cut off".to_owned()))??);
        }
        Ok(())
    }

    async fn finish(mut self, rest: Bytes) -> Result<(), StoreError> {
        self.send(rest).await?;
        while !self.running.is_empty() {
            self.wait_for_one().await?;
        }
        self.parts.sort_by_key(|part| part.part_number);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(std::mem::take(&mut self.parts))).build();
        let call = self.objects.client.complete_multipart_upload().bucket(&self.objects.bucket);
        let call = call.key(self.name.as_str()).upload_id(&self.id).multipart_upload(parts);
        let done = patiently(|| call.clone().send()).await;
        done.map_err(|error| unavailable("CompleteMultipartUpload", &error))?;
        self.is_complete = true;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.is_complete {
            return;
        }
        let mut running = std::mem::take(&mut self.running);
        let call = self.objects.client.abort_multipart_upload().bucket(&self.objects.bucket);
        let call = call.key(self.name.as_str()).upload_id(&self.id);
        runtime.spawn(async move {
            // A part that arrives after the abort would stay, and be paid for.
            running.shutdown().await;
            if let Err(error) = patiently(|| call.clone().send()).await {
                let error = unavailable("AbortMultipartUpload", &error);
                tracing::warn!(%error, "an unfinished upload stays until the bucket's lifecycle ends it");
            }
        });
    }
}
