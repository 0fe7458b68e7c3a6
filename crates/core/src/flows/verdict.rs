//! What becomes of a job when its line comes home: one pure decision.

use super::pack::failure;
use crate::ids::ObjectName;
use crate::job::{Answer, Event, Job};
use crate::submission::line::LineOutcome;
use crate::submission::{Ending, Refusal};

/// What a results object, or its absence, says of one job.
#[derive(Debug, Clone)]
pub(super) enum Finding {
    /// The upstream answered.
    Answered(Answer),
    /// The line did not finish, and may be run again.
    Unfinished {
        /// The provider's code, or one of ours.
        code: String,
    },
    /// The line is missing for a reason that forbids another run: it may still be running, or may have run.
    Unknown,
    /// The provider refused the line.
    Refused(Refusal),
    /// The submission waited past every deadline.
    TooLate,
}

impl Finding {
    /// From a line of the results.
    pub(super) fn of_line(outcome: LineOutcome, results: &ObjectName, line_offset: u64) -> Self {
        match outcome {
            LineOutcome::Answered { status, offset, length, usage } => Self::Answered(Answer {
                status,
                object: results.clone(),
                offset: line_offset + offset as u64,
                length: length as u64,
                usage,
            }),
            LineOutcome::Unanswered { code } => Self::Unfinished { code },
        }
    }

    /// For a line of a submission that ended so, without a result of its own. `number` counts from 1, where the
    /// provider named lines of this submission.
    pub(super) fn of_missing(ending: &Ending, number: Option<u64>, doubtful: bool) -> Self {
        match ending {
            Ending::Batch { forsaken: true, .. } => Self::Unknown,
            Ending::Batch { .. } if doubtful => Self::Unknown,
            Ending::Batch { .. } => Self::Unfinished { code: "result_missing".to_owned() },
            Ending::Refused { refusal, .. } if refusal.passing => Self::Unfinished { code: refusal.code.clone() },
            Ending::Refused { refusal, .. } if number.is_some_and(|number| !refusal.lines.contains(&number)) => {
                Self::Unfinished { code: refusal.code.clone() }
            }
            Ending::Refused { refusal, .. } => Self::Refused(refusal.clone()),
            Ending::TooLate { .. } | Ending::Withdrawn { .. } => Self::TooLate,
        }
    }

    /// The event, where the row need not be read to know it.
    pub(super) fn plain(&self) -> Option<Event> {
        match self {
            Self::Answered(answer) if !passing(answer.status) => Some(Event::Answer(answer.clone())),
            Self::Answered(_) | Self::Unfinished { .. } | Self::Unknown | Self::Refused(_) | Self::TooLate => None,
        }
    }

    /// The event, by the row's deadline, attempts and cancel wish. `ran` is whether an attempt was spent.
    pub(super) fn event(&self, job: &Job, now_ms: u64, max_attempts: u32, ran: bool) -> Event {
        let may_run = now_ms < job.deadline_ms && (!ran || job.attempt + 1 < max_attempts);
        match self {
            Self::Answered(answer) if !passing(answer.status) => Event::Answer(answer.clone()),
            Self::Answered(_) | Self::Unfinished { .. } | Self::Unknown | Self::Refused(_) | Self::TooLate
                if job.cancel_wished =>
            {
                Event::Cancel
            }
            Self::Answered(_) | Self::Unfinished { .. } if may_run => Event::Requeue,
            Self::Answered(answer) => Event::Answer(answer.clone()),
            Self::Unfinished { code } if code == "batch_expired" || now_ms >= job.deadline_ms => Event::Expire,
            Self::Unfinished { code } => {
                Event::Fail(failure(code, "The provider did not finish this request, and its attempts are spent."))
            }
            Self::Unknown | Self::TooLate => Event::Expire,
            Self::Refused(refusal) => Event::Fail(failure(&refusal.code, "The provider refused this request's batch.")),
        }
    }
}

/// Whether an upstream's status is worth another try: 408, 429 and 5xx.
pub(super) const fn passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}
