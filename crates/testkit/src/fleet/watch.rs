//! The rows of chunks as the judge watches them: under every gate, so that what is recorded took effect.

use std::collections::BTreeSet;

use async_trait::async_trait;
use offpeak_core::fleet::{Chunk, ChunkId, ChunkState, Part, Plan, Queue, Served};
use offpeak_core::ids::{JobId, ObjectName, SubmissionId};
use offpeak_core::ports::{self, StoreError};
use serde_json::Value;

use super::ledger::{Holding, Ledger};
use crate::crash::trace::Trace;
use crate::fakes::Fakes;

/// The rows of chunks, watched.
#[derive(Debug, Clone)]
pub(super) struct Chunks {
    pub(super) fakes: Fakes,
    pub(super) ledger: Ledger,
    pub(super) trace: Trace,
    /// Between two checkpoints at most, milliseconds.
    pub(super) checkpoint_ms: u64,
    /// Bytes of a report at most.
    pub(super) report_bytes: u64,
}

/// A checkpoint is begun when it is due, and an engine's answer may come first.
const SLACK_MS: u64 = 2_000;

impl Chunks {
    /// The lines of a chunk, by its plan.
    fn lines(&self, chunk: &Chunk) -> Vec<JobId> {
        let submission = chunk.id.submission;
        let plan = self.fakes.objects.bytes(&ObjectName(format!("fleet/{submission}.plan"))).unwrap_or_default();
        let sealed = self.fakes.objects.bytes(&ObjectName(format!("sealed/{submission}.jsonl"))).unwrap_or_default();
        let records = Plan::records(&plan).into_iter().skip(chunk.first as usize).take(chunk.lines as usize);
        let line = |record: offpeak_core::fleet::Record| {
            let from = usize::try_from(record.offset).unwrap_or(usize::MAX);
            custom_id(sealed.get(from..from + record.length as usize)?)
        };
        records.filter_map(line).collect()
    }

    /// The lines of parts, where they can be read.
    fn finished(&self, parts: &[Part]) -> Vec<JobId> {
        let bytes = parts.iter().filter_map(|part| self.fakes.objects.bytes(&part.object));
        bytes.flat_map(|bytes| bytes.split(|byte| *byte == b'\n').filter_map(custom_id).collect::<Vec<_>>()).collect()
    }

    /// A part is named: it is there, and what its row says of it is so.
    fn named(&self, chunk: &Chunk, part: &Part) -> Result<(), String> {
        let bytes = self.fakes.objects.bytes(&part.object).ok_or_else(|| format!("{part:?} is not there"))?;
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        let failed = lines.iter().filter(|line| !succeeded(line)).count();
        if (lines.len(), failed, bytes.len() as u64) != (part.lines as usize, part.failed as usize, part.bytes) {
            return Err(format!("{part:?} has {} lines, {failed} without success, {} bytes", lines.len(), bytes.len()));
        }
        if part.bytes > self.report_bytes {
            return Err(format!("{part:?} came in a report longer than {} bytes", self.report_bytes));
        }
        let (all, own) = (self.finished(&chunk.parts), self.lines(chunk));
        let once: BTreeSet<_> = all.iter().copied().collect();
        if once.len() != all.len() || !once.iter().all(|line| own.contains(line)) {
            return Err(format!("with {part:?} the chunk has a line twice, or another's"));
        }
        Ok(())
    }

    fn written(&self, before: &Chunk, after: &Chunk) {
        let mut wrongs = Vec::new();
        if before.state.is_final() || after.attempt < before.attempt || after.parts.len() < before.parts.len() {
            wrongs.push(format!("was {before:?}, and becomes {after:?}"));
        }
        let parts = after.parts.get(before.parts.len()..).unwrap_or_default();
        wrongs.extend(parts.iter().filter_map(|part| self.named(after, part).err()));
        if after.state == ChunkState::Done && self.finished(&after.parts).len() != after.lines as usize {
            wrongs.push("is done without all of its lines".to_owned());
        }
        self.ledger.with(|pages| {
            pages.parts += parts.len() as u64;
            for wrong in wrongs {
                pages.wrong(format!("{}: {wrong}", after.id));
            }
        });
        // Whoever asks it to stop does not hold it.
        if let Some(worker) = holder(after).filter(|_| before.stop == after.stop) {
            if after.attempt > before.attempt {
                self.taken(before, after, worker);
            }
            self.ledger.with(|pages| {
                let now = pages.troubles.get(worker).copied().unwrap_or_default();
                let was_late = pages.is_troubled(worker);
                if let Some(held) = pages.held.get_mut(&after.id) {
                    held.was_late = was_late;
                    held.at_write = now;
                    held.written = after.attempt == before.attempt;
                }
            });
        }
    }

    /// A chunk is taken: if from somebody, then something befell the holder, and what it loses is what it had to store.
    fn taken(&self, before: &Chunk, after: &Chunk, worker: &str) {
        let (lines, finished) = (self.lines(after), self.finished(&after.parts).into_iter().collect());
        self.ledger.with(|pages| {
            if let Some(holder) = holder(before) {
                pages.takeovers += 1;
                let now = pages.troubles.get(holder).copied().unwrap_or_default();
                let held = pages.held.get(&after.id).copied();
                // Who took it late was told that the call is lost.
                let unheard = pages.late.contains(holder) && held.is_some_and(|held| !held.written);
                if held.is_some_and(|held| held.at_write == now && !held.was_late) && !unheard {
                    pages.wrong(format!("{} is taken from {holder}, whom nothing befell", after.id));
                }
                let lost = pages.unstored(holder, &lines, &finished);
                pages.lost += lost.len() as u64;
                let span_ms = lost.iter().max().zip(lost.iter().min()).map_or(0, |(last, first)| last - first);
                if held.is_some_and(|held| held.at_take.others == now.others) && span_ms > self.checkpoint_ms + SLACK_MS
                {
                    pages.wrong(format!("{}: with {holder} {} answers of {span_ms} ms are lost", after.id, lost.len()));
                }
            }
            pages.takes(worker, after.id, &lines, &finished);
            let now = pages.troubles.get(worker).copied().unwrap_or_default();
            pages.held.insert(after.id, Holding { at_take: now, at_write: now, written: false, was_late: false });
        });
    }
}

fn holder(chunk: &Chunk) -> Option<&str> {
    match &chunk.state {
        ChunkState::Held { worker, .. } => Some(worker),
        ChunkState::Waiting { .. } | ChunkState::Done | ChunkState::Stopped => None,
    }
}

fn custom_id(line: &[u8]) -> Option<JobId> {
    let line: Value = serde_json::from_slice(line).ok()?;
    line["custom_id"].as_str()?.parse().ok()
}

fn succeeded(line: &[u8]) -> bool {
    serde_json::from_slice::<Value>(line).is_ok_and(|line| line["response"]["status_code"] == 200)
}

#[async_trait]
impl ports::Chunks for Chunks {
    async fn create(&self, chunks: Vec<Chunk>) -> Result<(), StoreError> {
        self.trace.say("chunks", || format!("{} created, the first {:?}", chunks.len(), chunks.first()));
        ports::Chunks::create(&self.fakes.chunks, chunks).await
    }

    async fn get(&self, id: ChunkId) -> Result<Option<Chunk>, StoreError> {
        ports::Chunks::get(&self.fakes.chunks, id).await
    }

    async fn of(&self, submission: SubmissionId) -> Result<Vec<Chunk>, StoreError> {
        ports::Chunks::of(&self.fakes.chunks, submission).await
    }

    async fn open(&self, queue: &Queue, limit: usize) -> Result<Vec<Chunk>, StoreError> {
        ports::Chunks::open(&self.fakes.chunks, queue, limit).await
    }

    async fn models(&self) -> Result<Vec<String>, StoreError> {
        ports::Chunks::models(&self.fakes.chunks).await
    }

    async fn replace(&self, chunk: &Chunk) -> Result<bool, StoreError> {
        let before = self.get(chunk.id).await?;
        let done = ports::Chunks::replace(&self.fakes.chunks, chunk).await?;
        self.trace.say("chunks", || {
            let Chunk { id, version, attempt, state, parts, suspects, .. } = chunk;
            let verdict = if done { "" } else { " REFUSED" };
            let (parts, suspects) = (parts.len(), suspects.len());
            format!("{id} v{version} attempt {attempt} {state:?}, {parts} parts, {suspects} suspects{verdict}")
        });
        if let Some(before) = before.filter(|_| done) {
            self.written(&before, chunk);
        }
        Ok(done)
    }

    async fn delete(&self, submission: SubmissionId) -> Result<(), StoreError> {
        let rows = self.of(submission).await?;
        self.trace.say("chunks", || format!("{submission}: {} deleted", rows.len()));
        self.ledger.with(|pages| {
            let first = pages.deleted.insert(submission);
            // Those of a create that came too late have run for nobody.
            if first && !rows.iter().all(|row| row.state.is_final() || row.parts.is_empty()) {
                pages.wrong(format!("{submission}: chunks are deleted that have lines and are not final"));
            }
        });
        ports::Chunks::delete(&self.fakes.chunks, submission).await
    }

    async fn served(&self, queue: &Queue) -> Result<Served, StoreError> {
        ports::Chunks::served(&self.fakes.chunks, queue).await
    }

    async fn serve(&self, queue: &Queue, served: &Served) -> Result<bool, StoreError> {
        ports::Chunks::serve(&self.fakes.chunks, queue, served).await
    }
}
