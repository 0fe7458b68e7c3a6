//! The fleet as a backend, and live calls as others: a submission becomes chunks, which workers take at a desk; their parts are its results.
//!
//! ```text
//! create: plan ─► chunks' rows          take ─► lines ─► keep (part, lease) … ─► leave
//!    (each if absent: a repeat makes nothing twice)        │
//! poll: all rows final? ─► download: the parts, in order ◄─┘
//! ```
//! Nothing is paid by the call here, so a create may be repeated: its rows have the ids that follow from the submission.

mod desk;
mod plan;
pub mod scaling;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use secrecy::SecretString;

pub use desk::Desk;

use crate::fleet::{self, Chunk, ChunkEvent, ChunkId, ChunkState, Queue, Timing};
use crate::ids::{BatchId, FileId, ObjectName, SubmissionId};
use crate::ports::{
    Backend, BackendError, BatchPhase, BatchReport, Chunks, Clock, CreateReply, Download, Lease, Marker, NewBatch,
    Objects, ProviderFile, StoreError, Submissions, Upload,
};
use crate::submission::{Ending, Limits, LineCounts, State, Submission};

/// Rows written in one call.
const ROWS: usize = 100;

/// Objects listed in one call.
const PAGE: usize = 100;

/// How often a write is tried whose row somebody else changes.
const TRIES: usize = 16;

/// The stores of the fleet.
#[derive(Clone)]
pub struct Stores {
    /// The rows of chunks.
    pub chunks: Arc<dyn Chunks>,
    /// The rows of submissions.
    pub submissions: Arc<dyn Submissions>,
    /// Sealed objects, plans and parts.
    pub objects: Arc<dyn Objects>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// The fleet, where submissions wait for own engines; or the live calls of a provider, for which they wait alike.
#[derive(Clone)]
pub struct Fleet {
    stores: Stores,
    timing: Timing,
    /// Its name among backends.
    backend: String,
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fleet = f.debug_struct("Fleet");
        fleet.field("backend", &self.backend).field("timing", &self.timing).finish_non_exhaustive()
    }
}

impl Fleet {
    /// Own engines, over these stores.
    pub fn new(stores: Stores, timing: Timing) -> Self {
        Self { stores, timing, backend: fleet::NAME.to_owned() }
    }

    /// The live calls of a provider.
    pub fn live(stores: Stores, timing: Timing, provider: &str) -> Self {
        Self { stores, timing, backend: fleet::live(provider) }
    }

    /// Where its workers get their work.
    pub fn desk(&self) -> Desk {
        Desk::new(self.stores.clone(), self.timing, self.backend.clone())
    }

    /// Gives back what live calls hold: whoever had it is gone. Only for who knows that nobody else makes such calls.
    ///
    /// # Errors
    /// [`StoreError`]: what is still held is free when its lease is over.
    pub async fn take_over(&self) -> Result<(), StoreError> {
        for chunk in self.stores.chunks.open(&Queue::of(&self.backend, ""), desk::LOOKED_AT).await? {
            if !matches!(chunk.state, ChunkState::Held { .. }) {
                continue;
            }
            let (attempt, suspects, tried) = (chunk.attempt, chunk.suspects.clone(), chunk.tried.clone());
            let event = ChunkEvent::GiveBack { attempt, part: None, not_before_ms: 0, suspects, tried };
            let Ok(free) = chunk.after(event, self.stores.clock.now_ms()) else { continue };
            if self.stores.chunks.replace(&free).await? {
                tracing::info!(chunk = %chunk.id, "a chunk of the process before is free");
            }
        }
        Ok(())
    }

    /// Cuts the submission and stores its chunks, those that are not there yet.
    async fn place(&self, submission: SubmissionId) -> Result<(), StoreError> {
        let row = self.stores.submissions.get(submission).await?.ok_or(StoreError::NotFound)?;
        if is_over(Some(&row)) {
            return Ok(());
        }
        let sealed = row.sealed.as_ref().ok_or(StoreError::NotFound)?;
        let (tenants, cuts) = plan::made(&self.stores, submission, sealed, &self.timing).await?;
        let of = u32::try_from(cuts.len()).unwrap_or(u32::MAX);
        let created_ms = self.stores.clock.now_ms();
        let chunk = |(index, cut): (u32, fleet::Cut)| Chunk {
            id: ChunkId { submission, index },
            of,
            version: 1,
            backend: row.lane.provider.clone(),
            model: row.lane.model.clone(),
            endpoint: row.lane.endpoint,
            tenant: tenants.get(cut.tenant as usize).cloned().unwrap_or_else(|| crate::ids::TenantId::from("")),
            first: cut.first,
            lines: cut.lines,
            tokens: cut.tokens,
            created_ms,
            attempt: 0,
            stop: false,
            state: ChunkState::Waiting { not_before_ms: 0 },
            parts: Vec::new(),
            suspects: Vec::new(),
            tried: Vec::new(),
        };
        let mut chunks = (0..).zip(cuts).map(chunk).peekable();
        while chunks.peek().is_some() {
            self.stores.chunks.create(chunks.by_ref().take(ROWS).collect()).await?;
        }
        Ok(())
    }

    /// Every chunk of a submission, once all of them are stored.
    async fn chunks(&self, submission: SubmissionId) -> Result<Option<Vec<Chunk>>, StoreError> {
        let chunks = self.stores.chunks.of(submission).await?;
        let all = chunks.first().is_some_and(|first| chunks.len() == first.of as usize);
        Ok(all.then_some(chunks))
    }

    async fn known(&self, batch: &BatchId) -> Result<(SubmissionId, Vec<Chunk>), BackendError> {
        let submission: SubmissionId = batch.as_str().parse().map_err(|_| BackendError::NotFound)?;
        let chunks = self.chunks(submission).await.map_err(|error| unavailable(&error))?;
        Ok((submission, chunks.ok_or(BackendError::NotFound)?))
    }
}

#[async_trait]
impl Backend for Fleet {
    fn limits(&self, _: &str) -> Limits {
        Limits::OPENAI
    }

    /// Nothing is copied: workers read what was sealed.
    async fn upload(&self, _: &SecretString, upload: Upload) -> Result<FileId, BackendError> {
        Ok(FileId(upload.submission.to_string()))
    }

    async fn create(&self, _: &SecretString, batch: NewBatch) -> CreateReply {
        match self.place(batch.submission).await {
            Ok(()) => CreateReply::Created(BatchId(batch.submission.to_string())),
            Err(error) => {
                tracing::warn!(submission = %batch.submission, %error, "its chunks could not be stored");
                CreateReply::Unclear
            }
        }
    }

    async fn find(&self, _: &SecretString, marker: Marker) -> Result<Vec<BatchId>, BackendError> {
        let chunks = self.chunks(marker.submission).await.map_err(|error| unavailable(&error))?;
        Ok(chunks.map(|_| BatchId(marker.submission.to_string())).into_iter().collect())
    }

    async fn poll(&self, _: &SecretString, batch: &BatchId) -> Result<BatchReport, BackendError> {
        let (submission, chunks) = self.known(batch).await?;
        let parts = || chunks.iter().flat_map(|chunk| &chunk.parts);
        let counts = LineCounts {
            total: chunks.iter().map(|chunk| u64::from(chunk.lines)).sum(),
            completed: parts().map(|part| u64::from(part.lines - part.failed)).sum(),
            failed: parts().map(|part| u64::from(part.failed)).sum(),
        };
        let phase = if !chunks.iter().all(|chunk| chunk.state.is_final()) {
            BatchPhase::Running
        } else if chunks.iter().all(|chunk| chunk.state == ChunkState::Done) {
            BatchPhase::Completed
        } else {
            BatchPhase::Cancelled
        };
        let lines = counts.completed + counts.failed;
        let file = ProviderFile { id: results(submission), lines: Some(lines) };
        let files = if phase == BatchPhase::Running || lines == 0 { Vec::new() } else { vec![file] };
        Ok(BatchReport { phase, counts: Some(counts), files })
    }

    async fn cancel(&self, _: &SecretString, batch: &BatchId) -> Result<(), BackendError> {
        let (_, chunks) = self.known(batch).await?;
        for chunk in chunks {
            stop(&self.stores, chunk).await.map_err(|error| unavailable(&error))?;
        }
        Ok(())
    }

    async fn download(&self, _: &SecretString, file: &FileId) -> Result<Download, BackendError> {
        let submission = of_results(file).ok_or(BackendError::NotFound)?;
        let chunks = self.stores.chunks.of(submission).await.map_err(|error| unavailable(&error))?;
        let parts: Vec<_> = chunks.into_iter().flat_map(|chunk| chunk.parts).collect();
        let length = parts.iter().map(|part| part.bytes).sum();
        let objects = Arc::clone(&self.stores.objects);
        let opened = stream::iter(parts).then(move |part| {
            let objects = Arc::clone(&objects);
            async move {
                match objects.stream(&part.object).await {
                    Ok((_, pieces)) => pieces,
                    Err(error) => stream::iter([Err(error)]).boxed(),
                }
            }
        });
        Ok(Download { length: Some(length), bytes: opened.flatten().boxed() })
    }

    /// The results' name stands for all that the fleet keeps of a submission. The input's does too, once the submission is
    /// done: one that ended without a line has no results. Before that, who lost a race to upload deletes it.
    async fn delete(&self, _: &SecretString, file: &FileId) -> Result<(), BackendError> {
        let gone = async {
            if let Some(submission) = of_results(file) {
                return forget(&self.stores, submission).await;
            }
            let Ok(submission) = file.as_str().parse() else { return Ok(()) };
            if is_over(self.stores.submissions.get(submission).await?.as_ref()) {
                forget(&self.stores, submission).await?;
            }
            Ok(())
        };
        gone.await.map_err(|error: StoreError| unavailable(&error))
    }
}

/// Whether nobody wants a submission's chunks any more.
fn is_over(row: Option<&Submission>) -> bool {
    let never_ran = |ending: &Ending| !matches!(ending, Ending::Batch { .. });
    row.is_none_or(|row| {
        matches!(row.state, State::Done { .. })
            || matches!(&row.state, State::Collecting { ending, .. } if never_ran(ending))
    })
}

/// Deletes all that is kept of a submission; also what dead workers stored and no row names.
async fn forget(stores: &Stores, submission: SubmissionId) -> Result<(), StoreError> {
    loop {
        let page = stores.objects.list(&format!("fleet/{submission}"), None, PAGE).await?;
        if page.is_empty() {
            return stores.chunks.delete(submission).await;
        }
        for (name, _) in page {
            stores.objects.delete(&name).await?;
        }
    }
}

/// Asks a chunk to end, whatever others do to it meanwhile.
async fn stop(stores: &Stores, mut chunk: Chunk) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        if chunk.state.is_final() {
            return Ok(());
        }
        let Ok(stopped) = chunk.after(ChunkEvent::Stop, stores.clock.now_ms()) else { return Ok(()) };
        if stopped == chunk || stores.chunks.replace(&stopped).await? {
            return Ok(());
        }
        let Some(now) = stores.chunks.get(chunk.id).await? else { return Ok(()) };
        chunk = now;
    }
    Err(StoreError::Unavailable("a chunk's row is too busy".to_owned()))
}

fn results(submission: SubmissionId) -> FileId {
    FileId(format!("results-{submission}"))
}

fn of_results(file: &FileId) -> Option<SubmissionId> {
    file.as_str().strip_prefix("results-")?.parse().ok()
}

/// The name of a part: only one holder ever writes it, and writes it again where a reply was lost.
fn part_name(lease: &Lease, number: u32) -> ObjectName {
    ObjectName(format!("fleet/{}-{}-{number}.jsonl", lease.chunk, lease.attempt))
}

fn unavailable(error: &StoreError) -> BackendError {
    BackendError::Unavailable(error.to_string())
}
