//! The judge's record of what engines ran and what rows of chunks said: no actor reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use offpeak_core::fleet::ChunkId;
use offpeak_core::ids::{JobId, SubmissionId};
use parking_lot::Mutex;
use tokio::time::Instant;

/// What befell a worker so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Troubles {
    /// Deaths of its process.
    pub(super) kills: u64,
    /// Calls of it that were late, frozen or lost, and orders to end.
    pub(super) others: u64,
}

/// What engines did with a line.
#[derive(Debug, Clone, Default)]
pub(super) struct Ran {
    /// Answers that were no passing failure.
    pub(super) answers: u64,
    /// Calls that failed in passing.
    pub(super) failed: u64,
    /// Calls that were too much.
    pub(super) too_much: u64,
    /// Deaths of engines that ran it and nothing else.
    pub(super) alone: u64,
    /// Deaths of engines that it caused.
    pub(super) killed: u64,
}

/// Who holds a chunk, and what had befallen it until then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holding {
    /// When it took it.
    pub(super) at_take: Troubles,
    /// When it wrote last.
    pub(super) at_write: Troubles,
    /// It has written since it took it.
    pub(super) written: bool,
    /// Something befell it just before it wrote: by then its lease may have been over.
    pub(super) was_late: bool,
}

/// The record.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) lines: BTreeMap<JobId, Ran>,
    pub(super) troubles: BTreeMap<String, Troubles>,
    pub(super) held: BTreeMap<ChunkId, Holding>,
    /// Lines that were finished when a worker took their chunk.
    finished: BTreeSet<(String, JobId)>,
    /// Lines that a worker's engine answered since it took their chunk, and when, Unix milliseconds.
    answered: BTreeMap<(String, JobId), u64>,
    /// When something befell a worker last.
    last: BTreeMap<String, Instant>,
    /// Who took which chunk.
    takers: BTreeSet<(String, ChunkId)>,
    /// Lines of chunks that a worker took again: it may still have them answered as what it holds no more.
    twice: BTreeSet<(String, JobId)>,
    /// Workers of which a call took effect late.
    pub(super) late: BTreeSet<String>,
    /// Submissions whose rows of chunks were deleted.
    pub(super) deleted: BTreeSet<SubmissionId>,
    pub(super) wrongs: Vec<String>,
    /// Chunks that were taken.
    pub(super) takes: u64,
    /// Of these, from a holder whose lease was over.
    pub(super) takeovers: u64,
    /// Answers that were lost with their holder.
    pub(super) lost: u64,
    /// Parts that rows name.
    pub(super) parts: u64,
    /// Engine deaths.
    pub(super) deaths: u64,
    /// When the provider was called, Unix milliseconds, and whether for the model that has rates of its own.
    pub(super) calls: Vec<(u64, bool)>,
}

/// The record. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger(Arc<Mutex<Pages>>);

impl Ledger {
    /// Reads or writes it.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Pages) -> T) -> T {
        look(&mut self.0.lock())
    }

    /// Something befell a worker.
    pub(super) fn trouble(&self, worker: &str, kills: u64) {
        self.with(|pages| {
            let troubles = pages.troubles.entry(worker.to_owned()).or_default();
            troubles.kills += kills;
            troubles.others += u64::from(kills == 0);
            pages.last.insert(worker.to_owned(), Instant::now());
        });
    }
}

impl Pages {
    pub(super) fn wrong(&mut self, what: String) {
        self.wrongs.push(what);
    }

    /// A worker's engine is asked for a line.
    pub(super) fn begins(&mut self, worker: &str, line: JobId) {
        if self.finished.contains(&(worker.to_owned(), line)) {
            self.wrong(format!("{line} was finished when {worker} took it, and runs again"));
        }
        self.lines.entry(line).or_default();
    }

    /// A worker's engine answered a line.
    pub(super) fn answers(&mut self, worker: &str, line: JobId, now_ms: u64) {
        self.lines.entry(line).or_default().answers += 1;
        let key = (worker.to_owned(), line);
        let held_twice = self.twice.contains(&key);
        if self.answered.insert(key, now_ms).is_some() && !held_twice {
            self.wrong(format!("{line} is answered twice to {worker}, which holds its chunk"));
        }
    }

    /// A worker takes a chunk of these lines, of which those are finished.
    pub(super) fn takes(&mut self, worker: &str, chunk: ChunkId, lines: &[JobId], finished: &BTreeSet<JobId>) {
        self.takes += 1;
        if !self.takers.insert((worker.to_owned(), chunk)) {
            self.twice.extend(lines.iter().map(|line| (worker.to_owned(), *line)));
        }
        for line in lines {
            let key = (worker.to_owned(), *line);
            self.answered.remove(&key);
            if finished.contains(line) {
                self.finished.insert(key)
            } else {
                self.finished.remove(&key)
            };
        }
    }

    /// Whether something befell a worker just now.
    pub(super) fn is_troubled(&self, worker: &str) -> bool {
        self.last.get(worker).is_some_and(|last| last.elapsed() < Duration::from_millis(100))
    }

    /// When a worker's engine answered those of these lines that are not finished.
    pub(super) fn unstored(&self, worker: &str, lines: &[JobId], finished: &BTreeSet<JobId>) -> Vec<u64> {
        let open = lines.iter().filter(|line| !finished.contains(line));
        open.filter_map(|line| self.answered.get(&(worker.to_owned(), *line)).copied()).collect()
    }
}
