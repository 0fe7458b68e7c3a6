//! Retry: a new batch of the lines that an ended one could not answer with success.
//!
//! The call only creates its row, under an id that derives from the ended batch or from the caller's key, so that a repeat
//! finds it. Its input is written by whoever splits it, under an id that the row names.

use bytes::BytesMut;

use super::create::{CreateError, NewBatch, create_as, keyed};
use super::home::fates_of;
use super::merge::rerun_lines;
use super::rerun::Wanted;
use super::split::not_found;
use super::verdict::Fate;
use super::{busy_until_ms, freed, get, hold, take};
use crate::batch::{Asked, Batch, Event, Part};
use crate::body::with_model_in_body;
use crate::file::Purpose;
use crate::flows::files::{NewFile, ReceiveError, Receiving, receive};
use crate::flows::manifest;
use crate::ids::{NativeBatchId, NativeFileId, derive};
use crate::ports::{Ports, StoreError};

/// Bytes collected before they are written.
const BUFFER: usize = 256 * 1024;

/// Creates a batch of the lines of `batch` that are in its error file, asked for as that one was; `None` if there are none,
/// or it has not ended with files.
///
/// Without a `key` a batch has one retry: a repeat answers the same, also once that has ended. Who wants another names it
/// by a key, as on creation, or retries the retry.
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
    let (tenant, of) = (batch.tenant.clone(), batch.id.text());
    let id = key
        .as_deref()
        .map_or_else(|| NativeBatchId(derive(&["retry", &of, tenant.as_str()])), |key| keyed(&tenant, key));
    let asked =
        Asked { input: input_id(batch, key.as_deref()), retry_of: Some(batch.id), outbox: None, ..batch.asked.clone() };
    create_as(ports, NewBatch { tenant, asked, window_ms, key }, Some(id)).await.map(Some)
}

/// Takes the batch, and writes its input, unless somebody was faster. It is refused where the lines are there no more.
pub(super) async fn write_input(ports: &Ports, batch: &Batch, of: NativeBatchId) -> Result<(), StoreError> {
    let gone = || Event::Refuse(vec![not_found(batch)]);
    let Some(of) = get(ports, &batch.tenant, of).await? else {
        return take(ports, batch, gone()).await.map(drop);
    };
    let bytes = of.parts.iter().map(|part| part.sealed.size.bytes).sum();
    let Some(held) = hold(ports, batch, None, busy_until_ms(ports, bytes)).await? else { return Ok(()) };
    match Box::pin(write(ports, &held, &of)).await {
        Ok(()) => hold(ports, &held, None, 0).await.map(drop),
        Err(StoreError::NotFound) => take(ports, &held, gone()).await.map(drop),
        Err(error) => freed(ports, &held, Err(error)).await,
    }
}

async fn write(ports: &Ports, batch: &Batch, of: &Batch) -> Result<(), StoreError> {
    let mut file = receive(ports, u64::MAX).await?;
    for part in &of.parts {
        write_failed(ports, of, part, &mut file).await?;
    }
    let new = NewFile {
        tenant: batch.tenant.clone(),
        purpose: Purpose::Batch,
        filename: format!("{}_retry.jsonl", of.id),
        expires_after_ms: None,
        id: Some(batch.asked.input),
    };
    file.finish(new).await.map(drop).map_err(told)
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

/// The input of the retry that a key names, or of the one without.
fn input_id(batch: &Batch, key: Option<&str>) -> NativeFileId {
    let (of, tenant) = (batch.id.text(), batch.tenant.as_str());
    let words = ["retry", &of, tenant].into_iter().chain(key);
    NativeFileId::derived(derive(&words.collect::<Vec<_>>()))
}
