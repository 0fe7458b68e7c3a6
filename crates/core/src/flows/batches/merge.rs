//! Merge: the results of all parts become one output file and one error file.
//!
//! Of each line the last part that has it speaks; the parts are read in their order, so whoever merges writes the same
//! bytes. The files' ids derive from the batch: the first merger's rows stand, and its objects are the batch's.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::rerun::Wanted;
use super::verdict::{Fate, has_expired};
use super::{busy_until_ms, freed, fresh, hold, merged, take};
use crate::batch::{Batch, Event, Part, Results, State};
use crate::faults::{Fault, planted};
use crate::file::{BATCH_EXPIRY_MS, File, Purpose, object_name};
use crate::flows::lines::Lines;
use crate::flows::manifest;
use crate::ids::{NativeFileId, ObjectName};
use crate::ports::{ObjectWriter, Ports, StoreError};
use crate::submission::line::Found;
use crate::submission::manifest::Manifest;

/// Bytes collected before they are written.
const BUFFER: usize = 256 * 1024;

/// Takes the batch for a merge, with `event` if it moves, and merges it; unless somebody was faster.
///
/// The write that says who is busy is that of the event, where there is one.
pub(super) async fn begin(ports: &Ports, batch: &Batch, event: Option<Event>) -> Result<(), StoreError> {
    let bytes = batch.parts.iter().map(|part| part.sealed.size.bytes).sum();
    let Some(held) = hold(ports, batch, event, busy_until_ms(ports, bytes)).await? else { return Ok(()) };
    let done = Box::pin(merge(ports, &held)).await;
    freed(ports, &held, done).await
}

/// Writes the batch's files, creates their rows, and ends the batch.
async fn merge(ports: &Ports, batch: &Batch) -> Result<(), StoreError> {
    let mut output = Sink::new(ports, "output");
    let mut errors = Sink::new(ports, "error");
    for part in &batch.parts {
        Box::pin(merge_part(ports, batch, part, &mut output, &mut errors)).await?;
    }
    let results = Results { output: output.finish(batch).await?, errors: errors.finish(batch).await? };
    let expired = batch.state == State::Finalizing && has_expired(batch);
    let event = if expired { Event::Expire(results) } else { Event::Complete(results) };
    take(ports, batch, event).await?;
    Ok(())
}

/// Writes the lines of which this part has the last word.
async fn merge_part<'a>(
    ports: &Ports,
    batch: &Batch,
    part: &Part,
    output: &mut Sink<'a>,
    errors: &mut Sink<'a>,
) -> Result<(), StoreError> {
    let Some(collected) = part.collected() else { return Ok(()) };
    let manifest = manifest(ports, &part.sealed).await?;
    let mut told = rerun_lines(ports, batch, part, &manifest).await?;
    if let Some(results) = &collected.results {
        let mut seen = vec![false; manifest.len()];
        let mut lines = Lines::of(ports.objects.stream(results).await?.1);
        while let Some(line) = lines.next().await? {
            let Some(found) = Found::read(&line.bytes) else { continue };
            let Some(index) = manifest.find(crate::batch::line_id(&found.custom_id)) else { continue };
            if std::mem::replace(&mut seen[index], true) || told[index] {
                continue;
            }
            let fate = Fate::of(&found);
            if !fate.is_told() {
                continue;
            }
            told[index] = true;
            let sink = if fate == Fate::Completed { &mut *output } else { &mut *errors };
            merged::provider_line(sink.line(), part, &line.bytes, &found);
            sink.flush().await?;
        }
    }
    let mut rest = Wanted::of(ports, part, &manifest, |index| !told[index]).await?;
    while let Some((entry, line)) = rest.next().await? {
        merged::rest_line(errors.line(), entry.job, &line, &collected.rest);
        errors.flush().await?;
    }
    Ok(())
}

/// Which lines of a part a later part ran again: what this one says of them does not count.
pub(super) async fn rerun_lines(
    ports: &Ports,
    batch: &Batch,
    part: &Part,
    lines: &Manifest,
) -> Result<Vec<bool>, StoreError> {
    let mut again = vec![false; lines.len()];
    if planted(Fault::RerunsMergedTwice) {
        return Ok(again);
    }
    for later in batch.parts.iter().filter(|later| later.again_of == Some(part.submission)) {
        for entry in manifest(ports, &later.sealed).await?.entries() {
            if let Some(index) = lines.find(entry.job) {
                again[index] = true;
            }
        }
    }
    Ok(again)
}

/// One of the two files while it is written; none if no line comes.
struct Sink<'a> {
    ports: &'a Ports,
    kind: &'static str,
    begun: Option<(ObjectName, Box<dyn ObjectWriter>)>,
    buffer: BytesMut,
    bytes: u64,
}

impl<'a> Sink<'a> {
    fn new(ports: &'a Ports, kind: &'static str) -> Self {
        Self { ports, kind, begun: None, buffer: BytesMut::new(), bytes: 0 }
    }

    /// Where to append a line.
    const fn line(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        if self.buffer.len() >= BUFFER { self.write().await } else { Ok(()) }
    }

    async fn write(&mut self) -> Result<(), StoreError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if self.begun.is_none() {
            let name = object_name(&fresh(self.ports), true);
            let writer = self.ports.objects.create(&name).await?;
            self.begun = Some((name, writer));
        }
        let bytes: Bytes = self.buffer.split().freeze();
        self.bytes += bytes.len() as u64;
        match &mut self.begun {
            Some((_, writer)) => writer.write(bytes).await,
            None => Ok(()),
        }
    }

    /// Makes the file durable and creates its row, unless there is one.
    async fn finish(mut self, batch: &Batch) -> Result<Option<NativeFileId>, StoreError> {
        self.write().await?;
        let Some((object, writer)) = self.begun else { return Ok(None) };
        writer.finish().await?;
        let created_ms = batch.times.finalizing_ms.or(batch.times.cancelling_ms).unwrap_or(batch.created_ms);
        let expires_after_ms = batch.asked.output_expires_after_ms.unwrap_or(BATCH_EXPIRY_MS);
        let file = File {
            id: file_id(batch, self.kind, created_ms),
            tenant: batch.tenant.clone(),
            purpose: Purpose::BatchOutput,
            filename: format!("{}_{}.jsonl", batch.id, self.kind),
            bytes: self.bytes,
            created_ms,
            expires_ms: Some(created_ms.saturating_add(expires_after_ms)),
            object,
        };
        self.ports.files.create(&file).await?;
        let stands = self.ports.files.get(file.id).await?;
        if stands.is_some_and(|stands| stands.object != file.object) {
            self.ports.objects.delete(&file.object).await?;
        }
        Ok(Some(file.id))
    }
}

/// The id of one of a batch's files: ascending with its time, the same for every merger.
fn file_id(batch: &Batch, kind: &str, created_ms: u64) -> NativeFileId {
    let mut hash = Sha256::new();
    hash.update(batch.id.0);
    hash.update(kind);
    let mut digest = [0; 10];
    digest.copy_from_slice(&hash.finalize()[..10]);
    NativeFileId::made_at(created_ms, digest)
}
