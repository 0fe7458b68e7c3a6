//! Answers that are to be stored.

use bytes::BytesMut;

use super::answer::Answer;
use super::line::Line;
use crate::ports::Checkpoint;

/// Answers that are to be stored.
#[derive(Debug, Default)]
pub(super) struct Unstored {
    bytes: BytesMut,
    lines: u32,
    failed: u32,
    /// When the first of them came, Unix milliseconds.
    pub(super) since_ms: Option<u64>,
}

impl Unstored {
    /// A line has its answer.
    pub(super) fn add(&mut self, line: &Line, answer: &Answer, now_ms: u64) {
        answer.write(&mut self.bytes, &line.custom_id, &line.quoted);
        self.lines += 1;
        self.failed += u32::from(!answer.succeeded());
        self.since_ms.get_or_insert(now_ms);
    }

    /// Whether there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// How many bytes they have.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// All of them, as the checkpoint of that number.
    pub(super) fn checkpoint(&mut self, number: u32) -> Checkpoint {
        let Self { bytes, lines, failed, .. } = std::mem::take(self);
        Checkpoint { number, bytes: bytes.freeze(), lines, failed }
    }
}
