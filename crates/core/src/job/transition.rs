//! A job's compare-and-set as a value: under which condition, to which state.

use super::{BodyAt, Event, Handed, IllegalTransition, Job, State, next};
use crate::ids::{JobId, RequestId, SubmissionId};
use crate::lane::Lane;

/// What a row must still say for a write to take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// Packed by this submission, or queued if none.
    pub submission: Option<SubmissionId>,
    /// At this attempt.
    pub attempt: u32,
}

impl When {
    /// Whether the row satisfies the condition.
    pub fn holds(&self, job: &Job) -> bool {
        !job.state.is_final() && job.submission() == self.submission && job.attempt == self.attempt
    }

    fn state(&self) -> State {
        self.submission.map_or(State::Queued, |submission| State::Packed { submission })
    }
}

/// One conditional write of a job's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The job.
    pub job: JobId,
    /// The condition.
    pub when: When,
    /// The state written.
    pub state: State,
    /// The attempt written.
    pub attempt: u32,
    /// Written if given; the row keeps its own otherwise.
    pub body: Option<BodyAt>,
    /// Written if given, of a job that runs again: the lane of a later target. The row keeps its own otherwise.
    pub lane: Option<Lane>,
    /// Unix milliseconds of this write: the row's `finished_ms` if the state is final.
    pub at_ms: u64,
}

impl Transition {
    /// The write that takes `event` to the job, if the row still is as `when` says.
    ///
    /// # Errors
    /// [`IllegalTransition`] where the state does not allow the event.
    pub fn new(job: JobId, when: When, event: Event, at_ms: u64) -> Result<Self, IllegalTransition> {
        let attempt = when.attempt + u32::from(matches!(event, Event::Requeue));
        let state = next(&when.state(), event)?;
        Ok(Self { job, when, state, attempt, body: None, lane: None, at_ms })
    }

    /// The same, remembering where the body is from now on.
    #[must_use]
    pub fn with_body(mut self, body: Option<BodyAt>) -> Self {
        self.body = body;
        self
    }

    /// The same, taking the job to another lane.
    #[must_use]
    pub fn with_lane(mut self, lane: Option<Lane>) -> Self {
        self.lane = lane;
        self
    }

    /// Writes it into a row: the one place where a transition's fields meet a job's.
    pub fn apply(&self, job: &mut Job) {
        job.state.clone_from(&self.state);
        job.attempt = self.attempt;
        if let Some(body) = &self.body {
            job.body = Some(body.clone());
        }
        if let Some(lane) = &self.lane {
            job.lane.clone_from(lane);
        }
        if self.state.is_final() {
            job.finished_ms = self.at_ms;
        }
    }
}

/// A small conditional change beside the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Raise the number of known twins to at least this. Always applies.
    Count(u32),
    /// Raise the lower bound to at least this. Always applies.
    Low(u32),
    /// Raise the resend count by one, if it is this.
    Resent(u32),
    /// Wish for a cancel, if the job is packed.
    CancelWish,
    /// Hand the answer out, if nobody has it, the same request has, or [`RequestId::BY_ID`] has.
    HandOut(Handed),
    /// Give the answer to nobody any more, whoever has it. Always applies.
    Delete {
        /// Unix milliseconds.
        at_ms: u64,
    },
}

impl Mark {
    /// Writes it into a row if its condition holds; says whether it did.
    pub fn apply(&self, job: &mut Job) -> bool {
        match *self {
            Self::Count(count) => job.joins.count = job.joins.count.max(count),
            Self::Low(low) => job.joins.low = job.joins.low.max(low),
            Self::Resent(from) if job.joins.resends == from => job.joins.resends = from + 1,
            Self::CancelWish if job.submission().is_some() => job.cancel_wished = true,
            Self::HandOut(handed)
                if job
                    .joins
                    .handed
                    .is_none_or(|before| [handed.request, RequestId::BY_ID].contains(&before.request))
                    || crate::faults::planted(crate::faults::Fault::HandOutUnconditionally) =>
            {
                job.joins.handed = Some(handed);
            }
            Self::Delete { at_ms } => job.joins.handed = Some(Handed::to_nobody(at_ms)),
            Self::Resent(_) | Self::CancelWish | Self::HandOut(_) => return false,
        }
        true
    }
}
