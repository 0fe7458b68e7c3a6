//! Lines that run again: picked out of a part's sealed object into one of their own.

use bytes::BytesMut;

use super::store;
use crate::batch::{Batch, Part, PartState};
use crate::flows::lines::Lines;
use crate::flows::submission_id;
use crate::ids::ObjectName;
use crate::ports::{Ports, StoreError};
use crate::submission::manifest::{Entry, Manifest};
use crate::submission::{Sealed, Size};

/// Bytes collected before they are written.
const BUFFER: usize = 256 * 1024;

/// A part that was written, and that no row names yet.
pub(super) struct Again {
    pub(super) part: Part,
}

/// Writes the picked lines of a part, picked by their index in its manifest, as a part of their own.
pub(super) async fn write(
    ports: &Ports,
    batch: &Batch,
    part: &Part,
    manifest: &Manifest,
    picked: &[bool],
    ran: bool,
) -> Result<Again, StoreError> {
    let id = submission_id(ports);
    let attempt = part.attempt + u32::from(ran);
    let object = ObjectName(format!("sealed/{id}.jsonl"));
    let mut writer = ports.objects.create(&object).await?;
    let mut buffer = BytesMut::new();
    let mut entries = Vec::new();
    let mut written = 0;
    let mut wanted = Wanted::of(ports, part, manifest, |index| picked[index]).await?;
    while let Some((entry, line)) = wanted.next().await? {
        entries.push(Entry { attempt, offset: written, ..entry });
        written += line.len() as u64 + 1;
        buffer.extend_from_slice(&line);
        buffer.extend_from_slice(b"\n");
        if buffer.len() >= BUFFER {
            writer.write(buffer.split().freeze()).await?;
        }
    }
    writer.write(buffer.freeze()).await?;
    writer.finish().await?;
    let size = size(part, entries.len() as u64, written);
    let manifest = Manifest::of(entries, vec![batch.tenant.clone()]).bytes();
    let name = ObjectName(format!("manifests/{id}"));
    let manifest_sha256 = Manifest::sha256(&manifest);
    store(ports, &name, manifest).await?;
    let sealed = Sealed { object, manifest: name, manifest_sha256, size, deadline_ms: part.sealed.deadline_ms };
    Ok(Again {
        part: Part {
            submission: id,
            sealed,
            attempt,
            picked: part.picked + 1,
            again_of: Some(part.submission),
            state: PartState::Sealed,
            ..part.clone()
        },
    })
}

/// What these lines add up to; inputs are not counted again, but taken from the part's mean.
fn size(part: &Part, lines: u64, bytes: u64) -> Size {
    let of = part.sealed.size;
    let mean = of.inputs.checked_div(of.requests).unwrap_or(0).max(u64::from(of.inputs > 0));
    Size { requests: lines, bytes, tokens: bytes.div_ceil(4), inputs: (mean * lines).min(of.inputs) }
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
    pub(super) async fn next(&mut self) -> Result<Option<(Entry, bytes::Bytes)>, StoreError> {
        let (Some(lines), Some(entry)) = (&mut self.lines, self.entries.pop()) else { return Ok(None) };
        while let Some(line) = lines.next().await? {
            if line.offset == entry.offset {
                return Ok(Some((entry, line.bytes)));
            }
        }
        Err(StoreError::Corrupt("a sealed object ends before its manifest does".to_owned()))
    }
}
