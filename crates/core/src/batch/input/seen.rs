//! Which `custom_id`s an input has had.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::ids::JobId;

/// Ids sorted at a time: 1 MiB.
const RUN: usize = 1 << 16;

/// Every line so far, as the first 96 bits of its id and the number of the line: 16 bytes each.
///
/// A hash set would double its memory each time that it grows; here nothing is ever moved. Among 2,500,000 lines two
/// different ids agree in 96 bits once in 10^16 inputs.
#[derive(Debug, Default)]
pub(super) struct Seen {
    runs: Vec<Vec<u128>>,
}

/// A line whose `custom_id` an earlier line had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Repeat {
    pub(super) line: u64,
    pub(super) first: u64,
}

impl Seen {
    pub(super) fn add(&mut self, id: JobId, line: u64) {
        let key = (u128::from_be_bytes(id.0) & !u128::from(u32::MAX)) | u128::from(line & u64::from(u32::MAX));
        match self.runs.last_mut() {
            Some(run) if run.len() < RUN => run.push(key),
            Some(_) | None => {
                self.sort_last();
                let mut run = Vec::with_capacity(if self.runs.is_empty() { 0 } else { RUN });
                run.push(key);
                self.runs.push(run);
            }
        }
    }

    fn sort_last(&mut self) {
        if let Some(run) = self.runs.last_mut() {
            run.sort_unstable();
        }
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
        let mut found = BinaryHeap::new();
        let mut first: Option<u128> = None;
        while let Some(Reverse((key, run, at))) = heads.pop() {
            if let Some(next) = self.runs[run].get(at + 1) {
                heads.push(Reverse((*next, run, at + 1)));
            }
            match first {
                Some(before) if before >> 32 == key >> 32 => {
                    found.push(Repeat { line: number(key), first: number(before) });
                    if found.len() > most {
                        found.pop();
                    }
                }
                Some(_) | None => first = Some(key),
            }
        }
        found.into_sorted_vec()
    }
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
    fn only_the_first_repeats_are_kept() {
        let mut seen = Seen::default();
        for line in 1..=1_000 {
            seen.add(id(line % 2), line);
        }
        let lines: Vec<u64> = seen.repeats(3).into_iter().map(|repeat| repeat.line).collect();
        assert_eq!(lines, [3, 4, 5]);
    }
}
