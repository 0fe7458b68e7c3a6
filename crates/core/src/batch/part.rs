//! The parts of a batch: each one submission of its own.

use serde::{Deserialize, Serialize};

use crate::ids::{ObjectName, SubmissionId};
use crate::lane::Lane;
use crate::submission::Sealed;

/// Lines of a batch that run together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The submission that runs them.
    pub submission: SubmissionId,
    /// Where they go.
    pub lane: Lane,
    /// The model as the caller names it; the lane has the upstream's name.
    pub model: String,
    /// The lines. A manifest's entry is of a whole line; its id is that of [`crate::batch::line_id`].
    pub sealed: Sealed,
    /// How many executions of these lines were asked for before this one.
    pub attempt: u32,
    /// How often its lines were picked out of a part to run again.
    pub picked: u32,
    /// The submission whose lines these are, of the part that they failed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_of: Option<SubmissionId>,
    /// Where it stands.
    pub state: PartState,
}

/// Where a part stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// Its objects are durable; its submission's row may not exist yet.
    Sealed,
    /// Its submission's row exists.
    Placed {
        /// The submission was asked to end.
        withdrawn: bool,
    },
    /// Its lines came home.
    Collected(Collected),
}

/// What became of a part's lines. Each is counted once: completed, failed, unrun or rerun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// How many parts had come home before it.
    #[serde(default)]
    pub order: u32,
    /// The provider's lines, if there are any. The first of each id counts.
    pub results: Option<ObjectName>,
    /// Lines that were answered with success.
    pub completed: u64,
    /// Lines that the provider answered otherwise, for good.
    pub failed: u64,
    /// Lines that nobody answered, and that will not run again.
    pub unrun: u64,
    /// Lines that run again in a later part: what is said of them here does not count.
    pub rerun: u64,
    /// What the provider counted.
    pub usage: Usage,
    /// What is said of the lines that nobody answered.
    pub rest: Rest,
}

/// Why lines were not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// For programs: OpenAI's `batch_expired` and `batch_cancelled`, the provider's, or one of ours.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Tokens that a provider counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Those of them that were cached.
    pub cached_tokens: u64,
    /// Completion tokens.
    pub output_tokens: u64,
    /// Those of them that were reasoning.
    pub reasoning_tokens: u64,
}

impl Usage {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens + other.input_tokens,
            cached_tokens: self.cached_tokens + other.cached_tokens,
            output_tokens: self.output_tokens + other.output_tokens,
            reasoning_tokens: self.reasoning_tokens + other.reasoning_tokens,
        }
    }
}

impl Part {
    /// What became of its lines, once they came home.
    pub const fn collected(&self) -> Option<&Collected> {
        match &self.state {
            PartState::Collected(collected) => Some(collected),
            PartState::Sealed | PartState::Placed { .. } => None,
        }
    }
}

/// Notes that these submissions have rows, and whether they were asked to end.
pub(super) fn place(parts: &mut [Part], placed: &[SubmissionId], withdrawn: bool) {
    for part in parts.iter_mut().filter(|part| placed.contains(&part.submission)) {
        match &mut part.state {
            PartState::Sealed => part.state = PartState::Placed { withdrawn },
            PartState::Placed { withdrawn: before } => *before |= withdrawn,
            PartState::Collected(_) => {}
        }
    }
}

/// Notes what became of a part, and appends the parts that run lines again; `None` if there is no such part, or if it
/// came home before.
pub(super) fn collect(
    parts: &mut Vec<Part>,
    submission: SubmissionId,
    collected: &Collected,
    again: &[Part],
) -> Option<()> {
    let order = u32::try_from(parts.iter().filter(|part| part.collected().is_some()).count()).ok()?;
    let part = parts.iter_mut().find(|part| part.submission == submission && part.collected().is_none())?;
    part.state = PartState::Collected(Collected { order, ..collected.clone() });
    parts.extend_from_slice(again);
    Some(())
}

/// Gives a part whose lines had no chance to run to another submission; `None` if there is no such part, or if it came
/// home before.
pub(super) fn put_back(parts: &mut [Part], submission: SubmissionId, by: SubmissionId) -> Option<()> {
    let part = parts.iter_mut().find(|part| part.submission == submission && part.collected().is_none())?;
    part.submission = by;
    part.state = PartState::Sealed;
    Some(())
}
