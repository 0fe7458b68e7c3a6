//! Which `custom_id`s an input has had.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use bytes::{BufMut, Bytes, BytesMut};

use crate::ids::JobId;

/// Ids sorted at a time: 512 KiB.
const RUN: usize = 1 << 15;

/// Runs that are kept before one is set aside.
const KEPT: usize = 1;

/// Bytes of one id in a run that is set aside.
pub const ID_BYTES: u64 = RECORD as u64;
const RECORD: usize = 16;

/// Bytes of a run that is set aside.
pub const RUN_BYTES: u64 = RUN as u64 * ID_BYTES;

/// Every line so far, as the first 96 bits of its id and the number of the line: 16 bytes each.
///
/// A hash set would double its memory each time that it grows; here nothing is ever moved. Among 2,500,000 lines two
/// different ids agree in 96 bits once in 10^16 inputs.
#[derive(Debug, Default)]
pub(super) struct Seen {
    runs: VecDeque<Vec<u128>>,
}

/// A line whose `custom_id` an earlier line had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repeat {
    /// Its number.
    pub line: u64,
    /// The number of the first line with that id.
    pub first: u64,
}

impl Seen {
    pub(super) fn add(&mut self, id: JobId, line: u64) {
        let key = (u128::from_be_bytes(id.0) & !u128::from(u32::MAX)) | u128::from(line & u64::from(u32::MAX));
        match self.runs.back_mut() {
            Some(run) if run.len() < RUN => run.push(key),
            Some(_) | None => {
                self.sort_last();
                let mut run = Vec::with_capacity(if self.runs.is_empty() { 0 } else { RUN });
                run.push(key);
                self.runs.push_back(run);
            }
        }
    }

    fn sort_last(&mut self) {
        if let Some(run) = self.runs.back_mut() {
            run.sort_unstable();
        }
    }

    /// A sorted run of [`RUN_BYTES`], where there are more than are kept.
    pub(super) fn set_aside(&mut self) -> Option<Bytes> {
        (self.runs.len() > KEPT).then(|| self.runs.pop_front().map(|run| encoded(&run))).flatten()
    }

    /// Sorted runs: all that is kept.
    pub(super) fn into_runs(mut self) -> Vec<Bytes> {
        self.sort_last();
        self.runs.iter().map(|run| encoded(run)).collect()
    }

    /// The first `most` lines, by number, that repeat an earlier one.
    pub(super) fn repeats(mut self, most: usize) -> Vec<Repeat> {
        self.sort_last();
        let mut heads: BinaryHeap<_> = self
            .runs
            .iter()
            .enumerate()
            .filter_map(|(run, keys)| Some(Reverse((*keys.first()?, run, 0_usize))))
            .collect();
        let mut repeats = Repeats::new(most);
        while let Some(Reverse((key, run, at))) = heads.pop() {
            if let Some(next) = self.runs[run].get(at + 1) {
                heads.push(Reverse((*next, run, at + 1)));
            }
            repeats.add(key);
        }
        repeats.found()
    }
}

/// Finds repeats among ids that come in ascending order.
#[derive(Debug)]
struct Repeats {
    most: usize,
    first: Option<u128>,
    found: BinaryHeap<Repeat>,
}

impl Repeats {
    const fn new(most: usize) -> Self {
        Self { most, first: None, found: BinaryHeap::new() }
    }

    fn add(&mut self, key: u128) {
        match self.first {
            Some(before) if before >> 32 == key >> 32 => {
                self.found.push(Repeat { line: number(key), first: number(before) });
                if self.found.len() > self.most {
                    self.found.pop();
                }
            }
            Some(_) | None => self.first = Some(key),
        }
    }

    /// By their lines.
    fn found(self) -> Vec<Repeat> {
        self.found.into_sorted_vec()
    }
}

/// Sorted runs, read a piece at a time: each piece is asked for when it is needed.
#[derive(Debug)]
pub struct Merge {
    runs: Vec<Bytes>,
    heads: BinaryHeap<Reverse<(u128, usize)>>,
    /// Runs whose next piece is needed before anything is compared.
    empty: Vec<usize>,
    repeats: Repeats,
}

impl Merge {
    /// Of so many runs; the first `most` repeats are found.
    pub fn of(runs: usize, most: usize) -> Self {
        Self {
            runs: vec![Bytes::new(); runs],
            heads: BinaryHeap::new(),
            empty: (0..runs).collect(),
            repeats: Repeats::new(most),
        }
    }

    /// The run whose next piece is needed; none once all have ended.
    pub fn needs(&mut self) -> Option<usize> {
        while self.empty.is_empty()
            && let Some(Reverse((key, run))) = self.heads.pop()
        {
            self.repeats.add(key);
            self.next_of(run);
        }
        self.empty.last().copied()
    }

    /// The piece that was needed: whole ids. An empty one ends the run.
    pub fn give(&mut self, piece: Bytes) {
        let Some(run) = self.empty.pop() else { return };
        self.runs[run] = piece;
        if self.runs[run].len() >= RECORD {
            self.next_of(run);
        }
    }

    fn next_of(&mut self, run: usize) {
        match self.runs[run].split_first_chunk::<RECORD>() {
            Some((key, _)) => {
                self.heads.push(Reverse((u128::from_be_bytes(*key), run)));
                let _ = self.runs[run].split_to(RECORD);
            }
            None => self.empty.push(run),
        }
    }

    /// The repeats, by their lines.
    pub fn found(self) -> Vec<Repeat> {
        self.repeats.found()
    }
}

fn encoded(run: &[u128]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(run.len() * RECORD);
    for key in run {
        bytes.put_u128(*key);
    }
    bytes.freeze()
}

fn number(key: u128) -> u64 {
    u64::try_from(key & u128::from(u32::MAX)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> JobId {
        crate::batch::line_id(&n.to_string())
    }

    #[test]
    fn repeats_are_found_across_runs_by_their_lines() {
        let mut seen = Seen::default();
        let lines = 3 * RUN as u64 + 5;
        for line in 1..=lines {
            let repeated = [2, 70_000, 70_001, lines].contains(&line);
            seen.add(id(if repeated { 1 } else { line }), line);
        }
        let want = [2, 70_000, 70_001, lines].map(|line| Repeat { line, first: 1 });
        assert_eq!(seen.repeats(10), want);
    }

    #[test]
    fn runs_set_aside_tell_the_same() {
        let (mut whole, mut kept, mut aside) = (Seen::default(), Seen::default(), Vec::new());
        for line in 1..=5 * RUN as u64 + 7 {
            let of = id(line % (4 * RUN as u64));
            whole.add(of, line);
            kept.add(of, line);
            aside.extend(kept.set_aside());
        }
        assert_eq!(aside.len(), 5, "one is kept, and the one that is filled");
        assert!(aside.iter().all(|run| run.len() as u64 == RUN_BYTES));
        aside.extend(kept.into_runs());
        let mut merge = Merge::of(aside.len(), 3);
        while let Some(run) = merge.needs() {
            let piece = aside[run].len().min(100 * RECORD);
            merge.give(aside[run].split_to(piece));
        }
        assert_eq!(merge.found(), whole.repeats(3));
    }

    #[test]
    fn only_the_first_repeats_are_kept() {
        let mut seen = Seen::default();
        for line in 1..=1_000 {
            seen.add(id(line % 2), line);
        }
        let lines: Vec<u64> = seen.repeats(3).into_iter().map(|repeat| repeat.line).collect();
        assert_eq!(lines, [3, 4, 5]);
    }
}
