//! What becomes of a job when its line comes home: one pure decision.

use super::pack::failure;
use crate::faults::{Fault, planted};
use crate::ids::ObjectName;
use crate::job::{Answer, Event, Job};
use crate::lane::Lane;
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
    /// The provider refused the submission, whatever its lines are.
    Unwelcome(Refusal),
    /// The submission was taken back before it ran.
    TakenBack {
        /// Whether the job goes on to a later target also if it has time.
        all: bool,
    },
    /// The submission waited past every deadline.
    TooLate,
}

/// What becomes of a job.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) event: Event,
    /// The lane in which it runs again, if that is another.
    pub(super) lane: Option<Lane>,
}

impl From<Event> for Verdict {
    fn from(event: Event) -> Self {
        Self { event, lane: None }
    }
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
            Ending::Refused { refusal, .. } if refusal.lines.is_empty() => Self::Unwelcome(refusal.clone()),
            Ending::Refused { refusal, .. } => Self::Refused(refusal.clone()),
            Ending::TakenBack { all, .. } => Self::TakenBack { all: *all },
            Ending::TooLate { .. } | Ending::Withdrawn { .. } => Self::TooLate,
        }
    }

    /// The event, where the row need not be read to know it.
    pub(super) fn plain(&self) -> Option<Event> {
        match self {
            Self::Answered(answer) if !passing(answer.status) && !planted(Fault::FinishedTakenToo) => {
                Some(Event::Answer(answer.clone()))
            }
            Self::Answered(_)
            | Self::Unfinished { .. }
            | Self::Unknown
            | Self::Refused(_)
            | Self::Unwelcome(_)
            | Self::TakenBack { .. }
            | Self::TooLate => None,
        }
    }

    /// What becomes of the job, by its row's deadline, attempts and cancel wish. `ran` is whether an attempt was spent.
    pub(super) fn verdict(&self, job: &Job, now_ms: u64, max_attempts: u32, ran: bool) -> Verdict {
        if let Self::Answered(answer) = self
            && !passing(answer.status)
            && (!planted(Fault::FinishedTakenToo) || job.lane.terms.then.is_empty())
        {
            return Event::Answer(answer.clone()).into();
        }
        if job.cancel_wished {
            return Event::Cancel.into();
        }
        let has_attempts = !ran || job.attempt + 1 < max_attempts;
        self.again(job, now_ms, has_attempts).unwrap_or_else(|| self.end(job, now_ms).into())
    }

    /// Another run, if there may be one: in the job's own lane while that is in time and it has attempts, or at a later
    /// target.
    fn again(&self, job: &Job, now_ms: u64, has_attempts: bool) -> Option<Verdict> {
        let left_ms = job.deadline_ms.checked_sub(now_ms).filter(|left_ms| *left_ms > 0)?;
        let later = || job.lane.later(left_ms);
        let lane = match self {
            Self::Answered(_) | Self::Unfinished { .. } if has_attempts => job.lane.when_late(job.deadline_ms, now_ms),
            Self::TakenBack { all: false } => job.lane.when_late(job.deadline_ms, now_ms),
            Self::TakenBack { all: true } => later(),
            Self::Answered(_) | Self::Unfinished { .. } | Self::Unwelcome(_) => Some(later()?),
            Self::Unknown | Self::Refused(_) | Self::TooLate => return None,
        };
        Some(Verdict { event: Event::Requeue, lane: lane.filter(|_| !planted(Fault::LaneKept)) })
    }

    /// The end of a job that does not run again.
    fn end(&self, job: &Job, now_ms: u64) -> Event {
        match self {
            Self::Answered(answer) => Event::Answer(answer.clone()),
            Self::Unfinished { code } if code == "batch_expired" || now_ms >= job.deadline_ms => Event::Expire,
            Self::Unfinished { code } => {
                Event::Fail(failure(code, "The provider did not finish this request, and its attempts are spent."))
            }
            Self::Unknown | Self::TooLate | Self::TakenBack { .. } => Event::Expire,
            Self::Refused(refusal) | Self::Unwelcome(refusal) => {
                Event::Fail(failure(&refusal.code, "The provider refused this request's batch."))
            }
        }
    }
}

/// Whether an upstream's status is worth another try: 408, 429 and 5xx.
pub(super) const fn passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}
