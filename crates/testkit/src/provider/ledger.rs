//! What a scripted provider did: who was run, when, and for whose money.

use offpeak_core::ids::{BatchId, FileId, SubmissionId};

/// One execution of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// The marker of its batch.
    pub submission: SubmissionId,
    /// The line's: a job's id.
    pub custom_id: String,
    /// Its batch.
    pub batch: BatchId,
    /// The number of this execution, from 1: the `sample` in its answer.
    pub sample: u64,
    /// Whether it is paid for: it was answered with success.
    pub billed: bool,
    /// When, by the provider's clock, Unix milliseconds.
    pub executed_ms: u64,
}

/// One batch, as the provider knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSummary {
    /// Its name.
    pub id: BatchId,
    /// Its marker.
    pub submission: SubmissionId,
    /// Its input file.
    pub file: FileId,
    /// When it was created, by the provider's clock, Unix milliseconds.
    pub created_ms: u64,
    /// Whether it has ended: no line of it will run any more.
    pub ended: bool,
    /// Whether a cancel was asked while it had not ended.
    pub cancelled: bool,
    /// Whether it hears no cancel.
    pub deaf: bool,
    /// Its lines, 0 if its file was refused.
    pub lines: usize,
}
