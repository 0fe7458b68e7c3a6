//! Lines that run again: picked out of a part's sealed object into objects of their own.

use bytes::{Bytes, BytesMut};

use super::store;
use super::verdict::Home;
use crate::batch::{Batch, Part, PartState};
use crate::body::with_model_in_body;
use crate::faults::{Fault, planted};
use crate::flows::lines::Lines;
use crate::flows::submission_id;
use crate::ids::{ObjectName, SubmissionId};
use crate::lane::Lane;
use crate::ports::{ObjectWriter, Ports, StoreError};
use crate::submission::manifest::{Entry, Manifest};
use crate::submission::{Limits, Sealed, Size};

/// Bytes collected before they are written.
const BUFFER: usize = 256 * 1024;

/// Parts that were written, and that no row names yet.
pub(super) struct Again {
    pub(super) parts: Vec<Part>,
}

/// Writes the picked lines of a part, picked by their index in its manifest, as a part of their own; as several where a
/// later target takes fewer at once.
pub(super) async fn write(
    ports: &Ports,
    home: &Home<'_>,
    manifest: &Manifest,
    picked: &[bool],
) -> Result<Again, StoreError> {
    let from = home.part;
    let lane = home.later.filter(|_| !planted(Fault::LaneKept)).unwrap_or(&from.lane);
    let limits = ports.backends.get(&lane.provider).map_or(Limits::OPENAI, |backend| backend.limits(&lane.model));
    let rerun = Rerun { batch: home.batch, from, lane, attempt: from.attempt + u32::from(home.ran()) };
    let mut written = Vec::new();
    let mut wanted = Wanted::of(ports, from, manifest, |index| picked[index]).await?;
    let mut filling = Filling::begin(ports).await?;
    while let Some((entry, sealed)) = wanted.next().await? {
        let renamed = if lane.model == from.lane.model { sealed } else { with_model_in_body(&sealed, &lane.model) };
        let larger = rerun.size(filling.entries.len() as u64 + 1, filling.bytes + renamed.len() as u64 + 1);
        if !filling.entries.is_empty() && !limits.hold(larger) {
            let full = std::mem::replace(&mut filling, Filling::begin(ports).await?);
            written.push(full.seal(ports, &rerun).await?);
        }
        filling.add(Entry { attempt: rerun.attempt, ..entry }, &renamed).await?;
    }
    written.push(filling.seal(ports, &rerun).await?);
    Ok(Again { parts: written })
}

/// Which lines run again, and where.
struct Rerun<'a> {
    batch: &'a Batch,
    from: &'a Part,
    lane: &'a Lane,
    attempt: u32,
}

/// A part that is being written.
struct Filling {
    id: SubmissionId,
    object: ObjectName,
    writer: Box<dyn ObjectWriter>,
    buffer: BytesMut,
    entries: Vec<Entry>,
    bytes: u64,
}

impl Filling {
    async fn begin(ports: &Ports) -> Result<Self, StoreError> {
        let id = submission_id(ports);
        let object = ObjectName(format!("sealed/{id}.jsonl"));
        let writer = ports.objects.create(&object).await?;
        Ok(Self { id, object, writer, buffer: BytesMut::new(), entries: Vec::new(), bytes: 0 })
    }

    async fn add(&mut self, entry: Entry, line: &Bytes) -> Result<(), StoreError> {
        let length = u32::try_from(line.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry { offset: self.bytes, length, ..entry });
        self.bytes += line.len() as u64 + 1;
        self.buffer.extend_from_slice(line);
        self.buffer.extend_from_slice(b"\n");
        if self.buffer.len() >= BUFFER {
            self.writer.write(self.buffer.split().freeze()).await?;
        }
        Ok(())
    }

    /// Makes object and manifest durable.
    async fn seal(mut self, ports: &Ports, rerun: &Rerun<'_>) -> Result<Part, StoreError> {
        self.writer.write(self.buffer.freeze()).await?;
        self.writer.finish().await?;
        let size = rerun.size(self.entries.len() as u64, self.bytes);
        let manifest = Manifest::of(self.entries, vec![rerun.batch.tenant.clone()]).bytes();
        let name = ObjectName(format!("manifests/{}", self.id));
        let manifest_sha256 = Manifest::sha256(&manifest);
        store(ports, &name, manifest).await?;
        let deadline_ms = rerun.from.sealed.deadline_ms;
        let turn_ms = rerun.lane.turn_ms(deadline_ms);
        let sealed = Sealed { object: self.object, manifest: name, manifest_sha256, size, deadline_ms, turn_ms };
        Ok(Part {
            submission: self.id,
            lane: rerun.lane.clone(),
            sealed,
            attempt: rerun.attempt,
            picked: rerun.from.picked + 1,
            again_of: Some(rerun.from.submission),
            state: PartState::Sealed,
            ..rerun.from.clone()
        })
    }
}

impl Rerun<'_> {
    /// What so many lines add up to; inputs are not counted again, but taken from the part's mean.
    fn size(&self, lines: u64, bytes: u64) -> Size {
        let of = self.from.sealed.size;
        let mean = of.inputs.checked_div(of.requests).unwrap_or(0).max(u64::from(of.inputs > 0));
        Size { requests: lines, bytes, tokens: bytes.div_ceil(4), inputs: (mean * lines).min(of.inputs) }
    }
}

/// Some lines of a part, in the order of its sealed object, which is read once.
pub(super) struct Wanted {
    /// By offset, the last first.
    entries: Vec<Entry>,
    lines: Option<Lines>,
}

impl Wanted {
    /// Those whose index in the manifest is wanted. Without any, nothing is read.
    pub(super) async fn of(
        ports: &Ports,
        part: &Part,
        manifest: &Manifest,
        wanted: impl Fn(usize) -> bool,
    ) -> Result<Self, StoreError> {
        let mut entries: Vec<Entry> =
            manifest.entries().enumerate().filter(|(index, _)| wanted(*index)).map(|(_, entry)| entry).collect();
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.offset));
        let lines =
            if entries.is_empty() { None } else { Some(Lines::of(ports.objects.stream(&part.sealed.object).await?.1)) };
        Ok(Self { entries, lines })
    }

    /// The next of them.
    pub(super) async fn next(&mut self) -> Result<Option<(Entry, Bytes)>, StoreError> {
        let (Some(lines), Some(entry)) = (&mut self.lines, self.entries.pop()) else { return Ok(None) };
        while let Some(line) = lines.next().await? {
            if line.offset == entry.offset {
                return Ok(Some((entry, line.bytes)));
            }
        }
        Err(StoreError::Corrupt("a sealed object ends before its manifest does".to_owned()))
    }
}
