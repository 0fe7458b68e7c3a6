//! The desk over the stores: chunks are handed out by compare-and-set, parts are named by it.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::future;
use futures_util::stream::{self, StreamExt};

use super::{Stores, TRIES, forget, is_over, part_name, plan};
use crate::batch::line_id;
use crate::faults::{Fault, planted};
use crate::fleet::{self, Chunk, ChunkEvent, Part, Queue, Record, Timing, next_of};
use crate::flows::lines::Lines;
use crate::ids::{JobId, ObjectName};
use crate::ports::{
    self, Ask, ByteStream, Checkpoint, Lease, Leaving, LinesPage, Objects, PageLines, Standing, StoreError,
};
use crate::submission::line::Found;

/// Open chunks of a queue among which the next is chosen.
pub(super) const LOOKED_AT: usize = 1_000;

/// The longest pause that a worker may ask for, milliseconds.
const LONGEST_PAUSE_MS: u64 = 600_000;

/// Bytes between two lines that are read rather than asked for apart.
const GAP: u64 = 4 << 10;

/// Bytes read in one call at most, but for a longer line.
const PIECE: u64 = 1 << 20;

/// Such reads at once for a page, whose caller waits for all of it.
const READS: usize = 8;

/// Lines of a page at most: they may lie far apart, and an answer is waited for some seconds.
const PAGE_LINES: usize = 1_000;

/// Where the workers of one backend get their work.
#[derive(Clone)]
pub struct Desk {
    stores: Stores,
    timing: Timing,
    /// Whose chunks it hands out, and no other's.
    backend: String,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("backend", &self.backend).field("timing", &self.timing).finish_non_exhaustive()
    }
}

impl Desk {
    pub(super) const fn new(stores: Stores, timing: Timing, backend: String) -> Self {
        Self { stores, timing, backend }
    }

    /// Takes the next chunk of a queue, unless somebody is faster each time.
    async fn next(&self, ask: &Ask, queue: &Queue) -> Result<Option<Chunk>, StoreError> {
        for _ in 0..TRIES {
            let open = self.stores.chunks.open(queue, LOOKED_AT).await?;
            let served = self.stores.chunks.served(queue).await?;
            let now_ms = self.stores.clock.now_ms();
            let Some(next) = next_of(&open, &served, now_ms, &ask.full) else { return Ok(None) };
            if self.is_late(next).await? {
                continue;
            }
            let event = ChunkEvent::Take { worker: ask.worker.clone(), until_ms: now_ms + self.timing.lease_ms };
            let Ok(taken) = next.after(event, now_ms) else { continue };
            if !self.stores.chunks.replace(&taken).await? {
                continue;
            }
            // Who is not counted this once gets a chunk more than its share: the next count is right again.
            let _ = self.stores.chunks.serve(queue, &served.after(next, &open, &ask.full)).await;
            return Ok(Some(Chunk { version: taken.version + 1, ..taken }));
        }
        Ok(None)
    }

    /// Where a worker with these models looks for work. A provider serves all of its own.
    fn queues(&self, models: &[String]) -> Vec<Queue> {
        if fleet::live_provider(&self.backend).is_some() {
            return vec![Queue::of(&self.backend, "")];
        }
        models.iter().map(|model| Queue::of_fleet(model)).collect()
    }

    /// Whether a chunk is one of this desk's: a worker of another may know its name.
    fn hands_out(&self, chunk: &Chunk) -> bool {
        chunk.backend == self.backend || planted(Fault::BackendsMixed)
    }

    /// Whether a chunk was made so late that its submission had ended: then it is deleted.
    async fn is_late(&self, chunk: &Chunk) -> Result<bool, StoreError> {
        let row = self.stores.submissions.get(chunk.id.submission).await?;
        let late = is_over(row.as_ref());
        if late {
            forget(&self.stores, chunk.id.submission).await?;
        }
        Ok(late)
    }

    /// Writes what a holder says, once what it has finished is durable.
    async fn write(
        &self,
        lease: &Lease,
        finished: Option<Checkpoint>,
        event: impl Fn(Option<Part>, u64) -> ChunkEvent,
    ) -> Result<Standing, StoreError> {
        if planted(Fault::PartBeforeDurable)
            && let Some(finished) = &finished
        {
            self.name(lease, Some(&part(lease, finished)), &event).await?;
        }
        if finished.as_ref().is_some_and(|finished| !finished.is_sound()) {
            return Err(StoreError::Corrupt("a checkpoint has not the lines that it says".to_owned()));
        }
        // Looked at first: what was deleted gets no object back, and what is named is not written again.
        let Some(row) = self.stores.chunks.get(lease.chunk).await? else {
            // A try before this one may have stored it, and been cut before it could delete it.
            if let Some(finished) = &finished {
                self.stores.objects.delete(&part_name(lease, finished.number)).await?;
            }
            return Ok(Standing::Lost);
        };
        if !self.hands_out(&row) {
            return Ok(Standing::Lost);
        }
        let part = match finished.filter(|finished| finished.lines > 0) {
            Some(finished) if row.names(&part(lease, &finished)) => Some(part(lease, &finished)),
            Some(finished) => Some(self.store(lease, finished).await?),
            None => None,
        };
        let standing = self.name(lease, part.as_ref(), &event).await;
        if let (Ok(Standing::Lost), Some(part)) = (&standing, &part) {
            self.stores.objects.delete(&part.object).await?;
        }
        standing
    }

    /// Has the row name the part.
    async fn name(
        &self,
        lease: &Lease,
        part: Option<&Part>,
        event: &impl Fn(Option<Part>, u64) -> ChunkEvent,
    ) -> Result<Standing, StoreError> {
        for _ in 0..TRIES {
            let Some(row) = self.stores.chunks.get(lease.chunk).await? else { return Ok(Standing::Lost) };
            // A reply may have been lost: then the row names it already.
            let named = part.is_some_and(|part| row.names(part));
            let now_ms = self.stores.clock.now_ms();
            let row = if planted(Fault::AnyHolderWrites) { Chunk { attempt: lease.attempt, ..row } } else { row };
            let Ok(after) = row.after(event(part.filter(|_| !named).cloned(), now_ms), now_ms) else {
                return Ok(if named { Standing::Held } else { Standing::Lost });
            };
            if self.stores.chunks.replace(&after).await? {
                let stops = after.stop && !after.state.is_final();
                return Ok(if stops { Standing::Stop } else { Standing::Held });
            }
        }
        Err(StoreError::Unavailable("a chunk's row is too busy".to_owned()))
    }

    async fn store(&self, lease: &Lease, finished: Checkpoint) -> Result<Part, StoreError> {
        let part = part(lease, &finished);
        let mut writer = self.stores.objects.create(&part.object).await?;
        writer.write(finished.bytes).await?;
        writer.finish().await?;
        Ok(part)
    }

    /// The lines of these records that have no answer, in their order, with so many reads at once.
    fn left(&self, source: &Source, records: &[Record], at_once: usize) -> ByteStream {
        let (objects, object) = (Arc::clone(&self.stores.objects), source.object.clone());
        let answered = Arc::clone(&source.answered);
        let pieces = stream::iter(ranges(records)).map(move |range| {
            let (objects, object, answered) = (Arc::clone(&objects), object.clone(), Arc::clone(&answered));
            async move { Ok(without(&read(objects.as_ref(), &object, range).await?, &answered)) }
        });
        let pieces = pieces.buffered(at_once);
        pieces
            .filter(|piece: &Result<Bytes, StoreError>| future::ready(!piece.as_ref().is_ok_and(Bytes::is_empty)))
            .boxed()
    }

    /// Where a chunk's lines are, and which of them are answered.
    async fn source(&self, lease: &Lease) -> Result<Source, StoreError> {
        let chunk = self.stores.chunks.get(lease.chunk).await?;
        let chunk = chunk.filter(|chunk| self.hands_out(chunk)).ok_or(StoreError::NotFound)?;
        let row = self.stores.submissions.get(lease.chunk.submission).await?;
        if is_over(row.as_ref()) {
            // Whoever created it was so late that everything had ended.
            forget(&self.stores, lease.chunk.submission).await?;
        }
        let row = row.filter(|row| !is_over(Some(row))).ok_or(StoreError::NotFound)?;
        let sealed = row.sealed.ok_or(StoreError::NotFound)?;
        let answered = Arc::new(self.answered(&chunk).await?);
        let records = plan::records(&self.stores, lease.chunk.submission, chunk.first, chunk.lines).await?;
        Ok(Source { object: sealed.object, records, answered })
    }

    /// A line that is longer than a page, unless it is answered.
    async fn long(&self, source: &Source, record: Record, next: Option<u32>) -> Result<LinesPage, StoreError> {
        let lines = read(self.stores.objects.as_ref(), &source.object, vec![record]).await?;
        if without(&lines, &source.answered).is_empty() {
            return Ok(LinesPage { lines: PageLines::Here(stream::empty().boxed()), next });
        }
        let (object, offset, length) = (source.object.clone(), record.offset, u64::from(record.length));
        Ok(LinesPage { lines: PageLines::There { object, offset, length }, next })
    }

    /// Which lines of a chunk are answered.
    async fn answered(&self, chunk: &Chunk) -> Result<BTreeSet<JobId>, StoreError> {
        let mut answered = BTreeSet::new();
        if planted(Fault::FinishedLinesRerun) {
            return Ok(answered);
        }
        for part in &chunk.parts {
            let mut lines = Lines::of(self.stores.objects.stream(&part.object).await?.1);
            while let Some(line) = lines.next().await? {
                answered.extend(Found::read(&line.bytes).map(|found| line_id(&found.custom_id)));
            }
        }
        Ok(answered)
    }
}

#[async_trait]
impl ports::Desk for Desk {
    async fn take(&self, ask: &Ask) -> Result<Option<Lease>, StoreError> {
        for queue in self.queues(&ask.models) {
            if let Some(chunk) = self.next(ask, &queue).await? {
                let left = u64::from(chunk.lines).saturating_sub(chunk.finished());
                return Ok(Some(Lease::of(&chunk, u32::try_from(left).unwrap_or(u32::MAX), &self.timing)));
            }
        }
        Ok(None)
    }

    async fn lines(&self, lease: &Lease) -> Result<ByteStream, StoreError> {
        let source = self.source(lease).await?;
        Ok(self.left(&source, &source.records, 1))
    }

    async fn keep(&self, lease: &Lease, finished: Option<Checkpoint>) -> Result<Standing, StoreError> {
        let attempt = lease.attempt;
        let lease_ms = if planted(Fault::LeaseUnrenewed) { 0 } else { self.timing.lease_ms };
        self.write(lease, finished, |part, now_ms| ChunkEvent::Keep { attempt, part, until_ms: now_ms + lease_ms })
            .await
    }

    async fn leave(
        &self,
        lease: &Lease,
        finished: Option<Checkpoint>,
        leaving: Leaving,
    ) -> Result<Standing, StoreError> {
        let attempt = lease.attempt;
        self.write(lease, finished, |part, now_ms| match &leaving {
            Leaving::Finished => ChunkEvent::Finish { attempt, part },
            Leaving::GivenBack { pause_ms, suspects, tried } => ChunkEvent::GiveBack {
                attempt,
                part,
                not_before_ms: now_ms.saturating_add((*pause_ms).min(LONGEST_PAUSE_MS)),
                suspects: suspects.clone(),
                tried: tried.clone(),
            },
        })
        .await
    }
}

#[async_trait]
impl ports::Paged for Desk {
    async fn page(&self, lease: &Lease, from: u32, bytes: u64) -> Result<LinesPage, StoreError> {
        let source = self.source(lease).await?;
        let rest = source.records.get(from as usize..).unwrap_or_default();
        let Some(first) = rest.first() else {
            return Ok(LinesPage { lines: PageLines::Here(stream::empty().boxed()), next: None });
        };
        let count = fitting(rest, bytes);
        let next = from.saturating_add(u32::try_from(count.max(1)).unwrap_or(u32::MAX));
        let next = (rest.len() > count.max(1)).then_some(next);
        if count == 0 {
            return self.long(&source, *first, next).await;
        }
        Ok(LinesPage { lines: PageLines::Here(self.left(&source, &rest[..count], READS)), next })
    }
}

/// How many of the first records a page of so many bytes has; none: the first is longer.
fn fitting(records: &[Record], bytes: u64) -> usize {
    let mut whole = 0;
    let fits = |record: &&Record| {
        whole += u64::from(record.length) + 1;
        whole <= bytes
    };
    records.iter().take(PAGE_LINES).take_while(fits).count()
}

/// Where a chunk's lines are.
struct Source {
    object: ObjectName,
    records: Vec<Record>,
    answered: Arc<BTreeSet<JobId>>,
}

/// What the row says of what is finished.
fn part(lease: &Lease, finished: &Checkpoint) -> Part {
    let object = part_name(lease, finished.number);
    Part { object, lines: finished.lines, failed: finished.failed, bytes: finished.bytes.len() as u64 }
}

/// Lines that are read in one call, in their order.
type Range = Vec<Record>;

/// Neighbours in the plan that are neighbours in the object too are read together.
fn ranges(records: &[Record]) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for record in records {
        match ranges.last_mut() {
            Some(range) if reaches(range, record) => range.push(*record),
            Some(_) | None => ranges.push(vec![*record]),
        }
    }
    ranges
}

fn reaches(range: &Range, next: &Record) -> bool {
    let (Some(first), Some(last)) = (range.first(), range.last()) else { return false };
    let end = last.offset + u64::from(last.length);
    let whole = (next.offset + u64::from(next.length)).saturating_sub(first.offset);
    next.offset >= end && next.offset - end <= GAP && whole <= PIECE
}

async fn read(objects: &dyn Objects, object: &ObjectName, range: Range) -> Result<Vec<Bytes>, StoreError> {
    let (Some(first), Some(last)) = (range.first(), range.last()) else { return Ok(Vec::new()) };
    let length = last.offset + u64::from(last.length) - first.offset;
    let bytes = objects.read(object, first.offset, length).await?;
    let line = |record: &Record| {
        let start = usize::try_from(record.offset - first.offset).unwrap_or(usize::MAX);
        bytes.slice(start..start + record.length as usize)
    };
    Ok(range.iter().map(line).collect())
}

/// The lines that have no answer, each with its line feed.
fn without(lines: &[Bytes], answered: &BTreeSet<JobId>) -> Bytes {
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        custom_id: std::borrow::Cow<'a, str>,
    }
    let mut left = BytesMut::new();
    for line in lines {
        let named = serde_json::from_slice::<Named<'_>>(line);
        if !named.is_ok_and(|line| answered.contains(&line_id(&line.custom_id))) {
            left.extend_from_slice(line);
            left.extend_from_slice(b"\n");
        }
    }
    left.freeze()
}
