//! Answers that are to be stored.

use std::collections::VecDeque;

use bytes::BytesMut;

use super::answer::{Answer, too_long};
use super::line::Line;
use crate::ports::Checkpoint;

/// Answers that are to be stored.
#[derive(Debug, Default)]
pub(super) struct Unstored {
    bytes: BytesMut,
    /// Of each line its bytes, and whether it was not answered with success.
    lines: VecDeque<(usize, bool)>,
    /// When the first of them came, Unix milliseconds.
    pub(super) since_ms: Option<u64>,
}

impl Unstored {
    /// A line has its answer; one of more than `most` bytes is an error instead, since no report could carry it.
    pub(super) fn add(&mut self, line: &Line, answer: &Answer, most: usize, now_ms: u64) {
        let start = self.bytes.len();
        answer.write(&mut self.bytes, &line.custom_id, &line.quoted);
        let is_long = self.bytes.len() - start > most;
        if is_long {
            self.bytes.truncate(start);
            too_long(most).write(&mut self.bytes, &line.custom_id, &line.quoted);
        }
        self.lines.push_back((self.bytes.len() - start, is_long || !answer.succeeded()));
        self.since_ms.get_or_insert(now_ms);
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many bytes they have.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The first of them, as many as fit into so many bytes, as the checkpoint of that number; what is left is as old as it
    /// was.
    pub(super) fn checkpoint(&mut self, number: u32, most: usize) -> Option<Checkpoint> {
        let (mut bytes, mut lines, mut failed) = (0, 0, 0);
        while let Some((length, is_failed)) = self.lines.front().copied()
            && (lines == 0 || bytes + length <= most)
        {
            self.lines.pop_front();
            (bytes, lines, failed) = (bytes + length, lines + 1, failed + u32::from(is_failed));
        }
        self.since_ms = self.since_ms.filter(|_| !self.lines.is_empty());
        let bytes = self.bytes.split_to(bytes).freeze();
        (lines > 0).then_some(Checkpoint { number, bytes, lines, failed })
    }
}
