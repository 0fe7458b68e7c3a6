//! What becomes of a batch's lines when their part comes home: one pure decision.

use crate::batch::{Batch, Collected, MAX_PICKED, Part, Rest, State, StateKind};
use crate::faults::{Fault, planted};
use crate::flows::verdict::passing;
use crate::lane::Lane;
use crate::submission::Ending;
use crate::submission::line::Found;
use crate::timing::Timing;

/// What the results of a part say of one of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing, or that its time was over: our own words are said of it, if it does not run again.
    Unanswered,
    /// Answered with success.
    Completed,
    /// Answered otherwise, for good.
    Failed,
    /// Answered otherwise for a reason that may pass.
    Passing,
    /// The provider named it as the reason why it refused the whole part.
    Named,
}

impl Fate {
    /// What a line of the results says.
    pub(super) fn of(found: &Found<'_>) -> Self {
        match &found.answer {
            Some(answer) if (200..300).contains(&answer.status) => Self::Completed,
            Some(answer) if passing(answer.status) => Self::Passing,
            Some(_) => Self::Failed,
            None if matches!(found.code().as_str(), "batch_expired" | "batch_cancelled") => Self::Unanswered,
            None => Self::Passing,
        }
    }

    /// Whether the provider's own line is what a caller gets, unless the line runs again.
    pub(super) const fn is_told(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Passing)
    }
}

/// How a part came home.
pub(super) struct Home<'a> {
    pub(super) batch: &'a Batch,
    pub(super) part: &'a Part,
    pub(super) ending: &'a Ending,
    /// Its results were taken although their counts disagreed.
    pub(super) doubtful: bool,
    pub(super) now_ms: u64,
    pub(super) timing: &'a Timing,
    /// Where its lines run again, if that is a later target.
    pub(super) later: Option<&'a Lane>,
    /// The batch's row holds the parts that run its lines again.
    pub(super) has_room: bool,
}

/// Where lines of a part that came home so run again, if that is a later target: theirs would be too late, or has refused
/// them, or they have no attempts left there.
pub(super) fn later(batch: &Batch, part: &Part, ending: &Ending, (now_ms, timing): (u64, &Timing)) -> Option<Lane> {
    let left_ms = batch.deadline_ms.saturating_sub(now_ms);
    let spent = part.attempt + 1 >= timing.max_attempts;
    match ending {
        Ending::Batch { .. } if spent => part.lane.later(left_ms),
        Ending::Refused { refusal, .. } if !refusal.passing && refusal.lines.is_empty() => part.lane.later(left_ms),
        Ending::TakenBack { .. } => part.lane.later(left_ms),
        Ending::Batch { .. } | Ending::Refused { .. } => part.lane.when_late(batch.deadline_ms, now_ms),
        Ending::TooLate { .. } | Ending::Withdrawn { .. } => None,
    }
}

impl Home<'_> {
    /// Whether lines may run again at all: the batch goes on, and has time.
    fn goes_on(&self) -> bool {
        self.batch.state == State::InProgress && self.now_ms < self.batch.deadline_ms
    }

    /// Whether nothing ran, and all of it may run later just as it is.
    pub(super) fn may_be_put_back(&self) -> bool {
        let refused_for_now = matches!(self.ending, Ending::Refused { refusal, .. } if refusal.passing);
        refused_for_now && self.goes_on() && self.later.is_none()
    }

    /// Whether a line of that fate runs again.
    pub(super) fn reruns(&self, fate: Fate) -> bool {
        let room = self.has_room && self.part.picked < MAX_PICKED;
        let attempts_left = self.part.attempt + 1 < self.timing.max_attempts || self.later.is_some();
        let reason = match (fate, self.ending) {
            (Fate::Passing, Ending::Batch { .. }) => attempts_left,
            // It may still be running, or may have run.
            (Fate::Unanswered, Ending::Batch { forsaken, .. }) => !forsaken && !self.doubtful && attempts_left,
            (Fate::Unanswered | Fate::Passing, Ending::Refused { refusal, .. }) => {
                refusal.passing || !refusal.lines.is_empty() || self.later.is_some()
            }
            (Fate::Unanswered | Fate::Passing, Ending::TakenBack { .. }) => true,
            (Fate::Completed, Ending::Batch { .. }) if planted(Fault::FinishedTakenToo) => self.later.is_some(),
            (Fate::Completed | Fate::Failed | Fate::Named, _)
            | (Fate::Unanswered | Fate::Passing, Ending::TooLate { .. } | Ending::Withdrawn { .. }) => false,
        };
        reason && room && self.goes_on()
    }

    /// Whether its lines had a chance to run: then running again spends an attempt.
    pub(super) const fn ran(&self) -> bool {
        matches!(self.ending, Ending::Batch { .. })
    }

    /// What is said of the lines that nobody answered.
    pub(super) fn rest(&self) -> Rest {
        let overdue = self.now_ms >= self.batch.deadline_ms;
        match self.ending {
            Ending::Refused { refusal, .. } if !refusal.passing => said(&refusal.code, &refusal.message),
            _ if self.batch.state.kind() == StateKind::Cancelling => {
                said("batch_cancelled", "This request was not executed because the batch was cancelled.")
            }
            Ending::TooLate { .. } | Ending::Batch { forsaken: true, .. } => expired(),
            _ if overdue => expired(),
            Ending::Refused { refusal, .. } => said(&refusal.code, &refusal.message),
            Ending::Batch { .. } | Ending::Withdrawn { .. } | Ending::TakenBack { .. } => {
                said("result_missing", "The provider did not answer this request, and its attempts are spent.")
            }
        }
    }
}

/// What is said of lines that were not run in time, in OpenAI's words (Batch guide, read 2026-11-20).
fn expired() -> Rest {
    said(EXPIRED, "This request could not be executed before the completion window expired.")
}

/// OpenAI's code for lines that were not run in time.
const EXPIRED: &str = "batch_expired";

/// Both are kept in the batch's row, which has no room for long ones.
fn said(code: &str, message: &str) -> Rest {
    Rest { code: short(code, 64), message: short(message, 200) }
}

/// The beginning of a text that is at most so many bytes as JSON.
fn short(text: &str, mut most: usize) -> String {
    let fits = |letter: &char| {
        let bytes = match *letter {
            '"' | '\\' => 2,
            letter if letter.is_ascii_control() => 6,
            letter => letter.len_utf8(),
        };
        let left = most.checked_sub(bytes);
        most = left.unwrap_or(0);
        left.is_some()
    };
    text.chars().take_while(fits).collect()
}

/// Whether a batch has lines that were not run in time.
pub(super) fn has_expired(batch: &Batch) -> bool {
    let expired = |collected: &Collected| collected.unrun > 0 && collected.rest.code == EXPIRED;
    batch.parts.iter().filter_map(Part::collected).any(expired)
}
