//! Ids set aside while an input is read: those of a million lines, told apart in the memory of a few.
//!
//! They lie in one object that no row names. It goes when the reading ends; after a cut, as any sealed object goes.

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::fresh;
use crate::batch::MAX_ERRORS;
use crate::batch::input::{ID_BYTES, Merge, RUN_BYTES, Repeat};
use crate::ids::ObjectName;
use crate::ports::{ObjectWriter, Ports, StoreError};

/// Bytes of all runs that are in memory while they are merged, up to 64 runs: a piece of each.
const MERGED: u64 = 256 * 1024;

/// Bytes of a run that are read at a time, whole ids.
const PIECES: RangeInclusive<u64> = 4 * 1024..=64 * 1024;

/// Sorted runs of [`RUN_BYTES`], one after the other.
#[derive(Default)]
pub(super) struct Aside {
    object: Option<(ObjectName, Box<dyn ObjectWriter>)>,
    runs: u64,
}

impl Aside {
    pub(super) const fn is_empty(&self) -> bool {
        self.runs == 0
    }

    pub(super) async fn put(&mut self, ports: &Ports, run: Bytes) -> Result<(), StoreError> {
        let (_, writer) = match &mut self.object {
            Some(begun) => begun,
            none @ None => {
                let name = ObjectName(format!("sealed/{}.ids", fresh(ports)));
                let writer = ports.objects.create(&name).await?;
                none.insert((name, writer))
            }
        };
        self.runs += 1;
        writer.write(run).await
    }

    /// Which lines repeat an earlier one's id, by their numbers: the first that are told. `rest` are the runs that were
    /// not set aside.
    pub(super) async fn repeats(self, ports: &Ports, rest: Vec<Bytes>) -> Result<Vec<Repeat>, StoreError> {
        let Some((name, writer)) = self.object else { return Ok(Vec::new()) };
        writer.finish().await?;
        let found = merged(ports, &name, self.runs, rest).await;
        // What cannot be deleted goes by its age.
        let _ = ports.objects.delete(&name).await;
        found
    }
}

async fn merged(ports: &Ports, name: &ObjectName, runs: u64, rest: Vec<Bytes>) -> Result<Vec<Repeat>, StoreError> {
    let share = (MERGED / runs.max(1)).clamp(*PIECES.start(), *PIECES.end());
    let most = share - share % ID_BYTES;
    let mut read: Vec<u64> = (0..runs).map(|run| run * RUN_BYTES).collect();
    let mut merge = Merge::of(read.len() + rest.len(), MAX_ERRORS);
    let mut rest: Vec<Option<Bytes>> = rest.into_iter().map(Some).collect();
    while let Some(run) = merge.needs() {
        let piece = match read.get_mut(run) {
            Some(at) => {
                let left = (run as u64 + 1) * RUN_BYTES - *at;
                let piece =
                    if left == 0 { Bytes::new() } else { ports.objects.read(name, *at, most.min(left)).await? };
                *at += piece.len() as u64;
                piece
            }
            None => rest[run - read.len()].take().unwrap_or_default(),
        };
        merge.give(piece);
    }
    Ok(merge.found())
}
