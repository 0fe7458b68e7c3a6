//! Give: what a batch has left is put into the outbox, its summary last.
//!
//! It follows the batch's final state, and the batch stays open until it is done: whoever is cut off is followed by
//! another, who writes the same.

use bytes::Bytes;

use crate::batch::{Batch, Given, Results, Summary, Times};
use crate::file::File;
use crate::flows::pour;
use crate::ids::NativeFileId;
use crate::ports::{ByteStream, Ports, StoreError};

/// Puts the results of a batch that has ended into the outbox, and notes it.
pub(super) async fn give(ports: &Ports, batch: &Batch) -> Result<(), StoreError> {
    put(ports, batch).await?;
    let times = Times { given_ms: Some(ports.clock.now_ms()), ..batch.times };
    // Who is slower finds it noted.
    if ports.batches.replace(&Batch { times, ..batch.clone() }).await? {
        tracing::info!(batch = %batch.id, status = batch.state.kind().name(), "its results lie in the outbox");
    }
    Ok(())
}

/// Puts the results of a batch that has ended into the outbox, if they are wanted there.
pub(in crate::flows) async fn put(ports: &Ports, batch: &Batch) -> Result<(), StoreError> {
    let Some(outbox) = &batch.asked.outbox else { return Ok(()) };
    let none = Results::default();
    let left = batch.state.results().unwrap_or(&none);
    let given = Given {
        output_bytes: copy(ports, batch, left.output, &format!("{outbox}/{}", Summary::OUTPUT)).await?,
        error_bytes: copy(ports, batch, left.errors, &format!("{outbox}/{}", Summary::ERRORS)).await?,
    };
    let summary = Summary::of(batch, given).text();
    let mut writer = ports.mailbox.give(&format!("{outbox}/{}", Summary::NAME)).await?;
    writer.write(Bytes::from(summary)).await?;
    writer.finish().await?;
    Ok(())
}

/// Copies a file of the batch there, and says how long it is. Without one, or if it was deleted since, nothing is left
/// there of a batch before.
async fn copy(ports: &Ports, batch: &Batch, file: Option<NativeFileId>, path: &str) -> Result<Option<u64>, StoreError> {
    let content = match file {
        Some(id) => content(ports, batch, id).await?,
        None => None,
    };
    let Some(pieces) = content else {
        ports.mailbox.retract(path).await?;
        return Ok(None);
    };
    Ok(Some(pour(pieces, ports.mailbox.give(path).await?).await?))
}

async fn content(ports: &Ports, batch: &Batch, id: NativeFileId) -> Result<Option<ByteStream>, StoreError> {
    let now_ms = ports.clock.now_ms();
    let readable = |file: &File| file.tenant == batch.tenant && file.is_readable(now_ms);
    let Some(file) = ports.files.get(id).await?.filter(readable) else { return Ok(None) };
    match ports.objects.stream(&file.object).await {
        Ok((_, pieces)) => Ok(Some(pieces)),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
