//! Retry: a new batch of the lines that an ended one could not answer with success.

use bytes::BytesMut;

use super::create::{CreateError, NewBatch, create};
use super::home::fates_of;
use super::merge::rerun_lines;
use super::rerun::Wanted;
use super::verdict::Fate;
use crate::batch::{Asked, Batch, Part};
use crate::body::with_model_in_body;
use crate::file::Purpose;
use crate::flows::files::{NewFile, ReceiveError, Receiving, receive};
use crate::flows::manifest;
use crate::ids::NativeFileId;
use crate::ports::{Ports, StoreError};

/// Bytes collected before they are written.
const BUFFER: usize = 256 * 1024;

/// Creates a batch of the lines of `batch` that are in its error file, asked for as that one was.
///
/// `None` if there are none,
/// or it has not ended with files. `key` names the new batch, as on creation.
///
/// # Errors
/// [`CreateError`]: it may have been created.
pub async fn retry(
    ports: &Ports,
    batch: &Batch,
    window_ms: u64,
    key: Option<String>,
) -> Result<Option<Batch>, CreateError> {
    if batch.state.results().is_none_or(|results| results.errors.is_none()) {
        return Ok(None);
    }
    let mut file = receive(ports, u64::MAX).await?;
    for part in &batch.parts {
        write_failed(ports, batch, part, &mut file).await?;
    }
    let new = NewFile {
        tenant: batch.tenant.clone(),
        purpose: Purpose::Batch,
        filename: format!("{}_retry.jsonl", batch.id),
        expires_after_ms: None,
        id: key.as_deref().map(|key| input_id(batch, key)),
    };
    let input = file.finish(new).await.map_err(told)?.id;
    let asked = Asked { input, outbox: None, ..batch.asked.clone() };
    let new = NewBatch { tenant: batch.tenant.clone(), asked, window_ms, key };
    create(ports, new).await.map(Some)
}

/// Appends the lines of a part of which it has the last word, and which were not answered with success.
async fn write_failed(ports: &Ports, batch: &Batch, part: &Part, file: &mut Receiving<'_>) -> Result<(), StoreError> {
    let Some(collected) = part.collected() else { return Ok(()) };
    let manifest = manifest(ports, &part.sealed).await?;
    let again = rerun_lines(ports, batch, part, &manifest).await?;
    let fates = fates_of(ports, &manifest, collected.results.as_ref()).await?.fates;
    let failed = |index: usize| !again[index] && fates[index] != Fate::Completed;
    let mut lines = Wanted::of(ports, part, &manifest, failed).await?;
    let mut buffer = BytesMut::new();
    while let Some((_, line)) = lines.next().await? {
        let line = if part.model == part.lane.model { line } else { with_model_in_body(&line, &part.model) };
        buffer.extend_from_slice(&line);
        buffer.extend_from_slice(b"\n");
        if buffer.len() >= BUFFER {
            file.write(buffer.split().freeze()).await.map_err(told)?;
        }
    }
    file.write(buffer.freeze()).await.map_err(told)
}

/// Our own lines are JSON, and as many as they are.
fn told(error: ReceiveError) -> StoreError {
    match error {
        ReceiveError::Store(error) => error,
        ReceiveError::NotJsonl | ReceiveError::TooLarge { .. } => StoreError::Corrupt(error.to_string()),
    }
}

/// The input of the retry that a key names.
fn input_id(batch: &Batch, key: &str) -> NativeFileId {
    let mut id = super::create::derive(&["retry", &batch.id.text(), batch.tenant.as_str(), key]);
    id[..6].copy_from_slice(&batch.created_ms.to_be_bytes()[2..]);
    NativeFileId(id)
}
