//! A batch: what a caller created through the Batch API, from its validation to its files.
//!
//! Its input is split into parts. A part is one submission, never shared with another batch; its lines are no jobs and
//! have no rows, so the manifest, the results object and this row are their ledger:
//!
//! ```text
//! input ─► validated, split ─► part: sealed ─► placed ─► collected ─► merged: one output file, one error file
//!                                ▲                           │
//!                                └── a new part: what may run again ◄┘
//! ```
//! Each part's state is written into the row, by compare-and-set, before anything follows from it: the row is
//! authoritative for which submissions count, the manifest for which lines a part has, the part's results object for
//! what became of them.

pub mod input;
mod line;
mod part;
mod room;
mod state;
mod step;
mod summary;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use line::line_id;
pub use part::{Collected, Part, PartState, Rest, Usage};
pub use room::MAX_ROW_BYTES;
pub use state::{Event, IllegalTransition, State, StateKind, next};
pub use step::{Step, step};
pub use summary::{Given, Summary};

use crate::endpoint::Endpoint;
use crate::ids::{CredentialId, NativeBatchId, NativeFileId, TenantId};
use crate::notice::Webhook;
use crate::submission::LineCounts;

/// Parts of a batch when it has been split. More are refused.
///
/// With each part run three times, the row mostly stays below [`MAX_ROW_BYTES`]. Where it does not, for the length of its
/// models' names, lines that failed are not run again.
pub const MAX_FIRST_PARTS: usize = 80;

/// Parts of a batch in all. At so many, lines that failed are not run again.
pub const MAX_PARTS: usize = 240;

/// How often a line may be picked out of a part to run again, whether it spent an attempt or not.
pub const MAX_PICKED: u32 = 16;

/// Errors that a batch keeps: the first of its input.
pub const MAX_ERRORS: usize = 100;

/// The row of one batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Derived from its Idempotency-Key, or ascending with time.
    pub id: NativeBatchId,
    /// Whose batch it is.
    pub tenant: TenantId,
    /// Raised by every write; the first stored version is 1.
    pub version: u64,
    /// What its caller asked for.
    pub asked: Asked,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// The end of its completion window, Unix milliseconds: no line is run again from then on.
    pub deadline_ms: u64,
    /// Where it stands.
    pub state: State,
    /// When it came to each state.
    pub times: Times,
    /// Lines of its input; 0 until it was validated.
    pub lines: u64,
    /// The one model that all lines name, if they name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// In the order in which they are merged: a part that reruns lines comes after the part that they are from.
    pub parts: Vec<Part>,
    /// Until when whoever splits or merges it asks the others to leave it alone, Unix milliseconds; 0, nobody does. It
    /// saves work that would be done twice; nothing else relies on it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub busy_until_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a caller asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Where every line goes.
    pub endpoint: Endpoint,
    /// The input file, which need not exist.
    pub input: NativeFileId,
    /// What its caller named instead, where that is no id of a file: then there is no such file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misnamed: Option<String>,
    /// The batch whose failed lines are the input, which whoever splits it writes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<NativeBatchId>,
    /// The completion window as its caller spelled it.
    pub window: String,
    /// The caller's notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// After so many milliseconds the batch's files expire, counted from when they are created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_expires_after_ms: Option<u64>,
    /// The caller's own key towards the provider, where it brought one; the gateway's otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// How its input is taken.
    pub rule: InputRule,
    /// Its lines never leave own model servers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// Who is told of its end, beside those who are told of every batch's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// Where its results are to lie in the outbox, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<String>,
}

/// How a batch's input is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputRule {
    /// Mixed models and more than the backend's limits are split into several submissions.
    #[default]
    Split,
    /// As OpenAI: one model, 50,000 lines, 200 MB.
    Strict,
}

/// When a batch came to each state, Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Times {
    /// See [`State::InProgress`].
    pub in_progress_ms: Option<u64>,
    /// See [`State::Finalizing`].
    pub finalizing_ms: Option<u64>,
    /// See [`State::Cancelling`].
    pub cancelling_ms: Option<u64>,
    /// When its final state was written.
    pub ended_ms: Option<u64>,
    /// When its results lay in the outbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_ms: Option<u64>,
}

/// What a batch has left.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Results {
    /// The file of the lines that were answered with success, if there are any.
    pub output: Option<NativeFileId>,
    /// The file of all other lines, if there are any.
    pub errors: Option<NativeFileId>,
}

/// What is wrong with a batch's input, in OpenAI's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputError {
    /// The line, from 1; none if it is about the whole input.
    pub line: Option<u64>,
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// The field at fault.
    pub param: Option<String>,
}

impl Asked {
    /// The input as its caller named it.
    pub fn input_name(&self) -> String {
        self.misnamed.clone().unwrap_or_else(|| self.input.text())
    }
}

impl Batch {
    /// The row after an event at `now_ms`, and nobody busy with it; its version unchanged: the store raises it.
    ///
    /// # Errors
    /// [`IllegalTransition`] where the state, or the part that the event names, does not allow it.
    pub fn after(&self, event: Event, now_ms: u64) -> Result<Self, IllegalTransition> {
        let mut after = self.clone();
        let refused = IllegalTransition { from: self.state.kind() };
        match &event {
            Event::Split { parts, lines, model } => {
                after.parts.clone_from(parts);
                (after.lines, after.model) = (*lines, model.clone());
            }
            Event::Place(placed) => part::place(&mut after.parts, placed, false),
            Event::Withdraw(placed) => part::place(&mut after.parts, placed, true),
            Event::Collect { submission, collected, again } => {
                part::collect(&mut after.parts, *submission, collected, again).ok_or(refused)?;
            }
            Event::PutBack { submission, by } => part::put_back(&mut after.parts, *submission, *by).ok_or(refused)?,
            Event::Refuse(_) | Event::Cancel | Event::Finalize | Event::Complete(_) | Event::Expire(_) => {}
        }
        after.state = next(&self.state, event)?;
        after.busy_until_ms = 0;
        if after.state.kind() != self.state.kind() {
            after.times.came_to(after.state.kind(), now_ms);
        }
        Ok(after)
    }

    /// Whether it has ended, and its results are still to be put into the outbox.
    pub fn owes_results(&self) -> bool {
        self.state.kind().is_final() && self.asked.outbox.is_some() && self.times.given_ms.is_none()
    }

    /// Whether something is still owed to it.
    pub fn is_open(&self) -> bool {
        !self.state.kind().is_final() || self.owes_results()
    }

    /// The part that a submission runs.
    pub fn part(&self, submission: crate::ids::SubmissionId) -> Option<&Part> {
        self.parts.iter().find(|part| part.submission == submission)
    }

    /// What became of its lines so far: those of the parts that came home.
    pub fn counts(&self) -> LineCounts {
        let collected = || self.parts.iter().filter_map(Part::collected);
        LineCounts {
            total: self.lines,
            completed: collected().map(|part| part.completed).sum(),
            failed: collected().map(|part| part.failed + part.unrun).sum(),
        }
    }

    /// What the provider counted so far.
    pub fn usage(&self) -> Usage {
        self.parts.iter().filter_map(Part::collected).fold(Usage::default(), |sum, part| sum.plus(part.usage))
    }
}

impl Times {
    fn came_to(&mut self, state: StateKind, now_ms: u64) {
        match state {
            StateKind::Validating => {}
            StateKind::InProgress => self.in_progress_ms = Some(now_ms),
            StateKind::Finalizing => self.finalizing_ms = Some(now_ms),
            StateKind::Cancelling => self.cancelling_ms = Some(now_ms),
            StateKind::Failed | StateKind::Completed | StateKind::Expired | StateKind::Cancelled => {
                self.ended_ms = Some(now_ms);
            }
        }
    }
}
