//! The states of a submission and the one function that moves between them.

use serde::{Deserialize, Serialize};

use super::Sealed;
use crate::ids::{BatchId, FileId, ObjectName, RequestId};
use crate::ports::ProviderFile;

/// Where a submission stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A packer fills it under a lease.
    Open {
        /// The packer's drain.
        owner: RequestId,
        /// Unix milliseconds; renewed while it is being filled.
        lease_until_ms: u64,
    },
    /// Its lease ran out and another packer took its jobs, or it stayed empty.
    Abandoned,
    /// The point of no return: object, manifest and count are fixed.
    Sealed,
    /// Its file is on the way.
    Uploading,
    /// The provider asked to wait, or a quota is full.
    Waiting {
        /// Unix milliseconds.
        until_ms: u64,
        /// The file, if it was uploaded.
        file: Option<FileId>,
    },
    /// The intent to create, stored before the call that spends money.
    Creating(Creating),
    /// The provider has it.
    Submitted(Placed),
    /// The provider has it and was asked to stop.
    Cancelling(Placed, CancelReason),
    /// Ended; its lines are being brought home.
    Collecting {
        /// How it ended.
        ending: Ending,
        /// The results object that was chosen, once one is durable.
        results: Option<ObjectName>,
        /// Downloads whose counts disagreed.
        downloads: u32,
        /// Not before, Unix milliseconds.
        not_before_ms: u64,
    },
    /// Every job has its outcome; the provider's files are still to be deleted.
    Done {
        /// Those files.
        leftovers: Vec<FileId>,
    },
}

/// The stored intent to create a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Creating {
    /// The uploaded file.
    pub file: FileId,
    /// Which create this is, from 1.
    pub attempt: u32,
    /// When the first create was intended, Unix milliseconds.
    pub since_ms: u64,
    /// The call is not sent after this, Unix milliseconds.
    pub deadline_ms: u64,
    /// When a listing after the grace first showed no such batch, Unix milliseconds.
    pub absent_ms: Option<u64>,
}

/// A batch at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The provider's name.
    pub batch: BatchId,
    /// Its input file.
    pub file: FileId,
    /// When it was known to exist, Unix milliseconds.
    pub since_ms: u64,
    /// When its create was first intended, Unix milliseconds.
    pub intended_ms: u64,
    /// Whether a twin may exist: it was adopted, or not the first create.
    pub suspect: bool,
}

/// Why a submission's batch was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// Past its window and a margin. Its unfinished jobs end expired, never requeued.
    Overdue,
    /// The window of the batch that it is a part of has ended.
    Deadline,
    /// It was asked to end.
    Withdrawn,
    /// Lines of it would be late: what has not run is taken to a later target.
    Grace,
}

/// How a submission's stay at the backend ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The batch ended by itself, expired or was cancelled: what is missing may run again.
    Batch {
        /// Output and error files.
        files: Vec<ProviderFile>,
        /// The input file.
        input: FileId,
        /// Lines that the batch counted as ended, where it counts.
        lines: Option<u64>,
        /// What is missing is never run again: the batch may still be running.
        forsaken: bool,
    },
    /// The provider refused it; nothing ran.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The input file, if it was uploaded.
        input: Option<FileId>,
    },
    /// It waited past every deadline of its jobs; nothing ran.
    TooLate {
        /// The input file, if it was uploaded.
        input: Option<FileId>,
    },
    /// It was asked to end before it was placed; nothing ran.
    Withdrawn {
        /// The input file, if it was uploaded.
        input: Option<FileId>,
    },
    /// It was not placed in time, and later targets take its lines; nothing ran.
    TakenBack {
        /// The input file, if it was uploaded.
        input: Option<FileId>,
        /// Also those lines that have time: the target let it wait for too long.
        all: bool,
    },
}

/// A provider's definite no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The HTTP status, or 400 where a batch failed its validation.
    pub status: u16,
    /// The provider's code, or one of ours.
    pub code: String,
    /// The provider's sentence.
    pub message: String,
    /// Whether the same lines may be accepted later.
    pub passing: bool,
    /// The lines at fault, from 1, where the provider names them (the first hundred at most): the others may run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u64>,
}

/// What may happen to a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Its packer goes on.
    Renew {
        /// Unix milliseconds.
        lease_until_ms: u64,
    },
    /// It will never be sealed.
    Abandon,
    /// Its object and manifest are durable.
    Seal(Sealed),
    /// Its file is about to be uploaded.
    Upload,
    /// A create is about to be called: for the first time, or again after none was found.
    Create(Creating),
    /// The provider asks to wait.
    Postpone {
        /// Unix milliseconds.
        until_ms: u64,
        /// The file, if it was uploaded.
        file: Option<FileId>,
    },
    /// A listing after the grace showed no such batch.
    Absent {
        /// Unix milliseconds.
        at_ms: u64,
    },
    /// The batch exists.
    Place(Placed),
    /// It is to end: what has not run by now need not.
    Withdraw,
    /// Its batch was asked to stop.
    Cancel(CancelReason),
    /// Its stay at the backend ended.
    End(Ending),
    /// A download's counts disagreed.
    Retry {
        /// Unix milliseconds.
        not_before_ms: u64,
    },
    /// A results object is durable.
    Choose {
        /// Its name.
        results: ObjectName,
    },
    /// Every job has its outcome, or the last leftovers are gone.
    Collected {
        /// The provider's files still to delete.
        leftovers: Vec<FileId>,
    },
}

/// The event does not fit the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a submission that is {from:?} cannot take this step")]
pub struct IllegalTransition {
    /// The state that refused.
    pub from: StateKind,
}

/// The state after an event.
///
/// # Errors
/// [`IllegalTransition`] where the state does not allow the event.
pub fn next(state: &State, event: Event) -> Result<State, IllegalTransition> {
    use State as S;
    match (state, event) {
        (S::Open { owner, .. }, Event::Renew { lease_until_ms }) => Ok(S::Open { owner: *owner, lease_until_ms }),
        (S::Open { .. }, Event::Abandon) => Ok(S::Abandoned),
        (S::Open { .. }, Event::Seal(_)) => Ok(S::Sealed),
        (S::Sealed | S::Waiting { file: None, .. }, Event::Upload) => Ok(S::Uploading),
        (S::Uploading | S::Creating(_) | S::Waiting { file: Some(_), .. }, Event::Create(creating)) => {
            Ok(S::Creating(creating))
        }
        (S::Sealed | S::Uploading | S::Creating(_) | S::Waiting { .. }, Event::Postpone { until_ms, file }) => {
            Ok(S::Waiting { until_ms, file })
        }
        (S::Creating(creating), Event::Absent { at_ms }) => {
            Ok(S::Creating(Creating { absent_ms: Some(at_ms), ..creating.clone() }))
        }
        (S::Creating(_), Event::Place(placed)) => Ok(S::Submitted(placed)),
        (
            S::Sealed | S::Uploading | S::Creating(_) | S::Waiting { .. } | S::Submitted(_) | S::Cancelling(..),
            Event::Withdraw,
        ) => Ok(state.clone()),
        (S::Submitted(placed), Event::Cancel(reason)) => Ok(S::Cancelling(placed.clone(), reason)),
        (
            S::Sealed | S::Uploading | S::Creating(_) | S::Waiting { .. } | S::Submitted(_) | S::Cancelling(..),
            Event::End(ending),
        ) => Ok(S::Collecting { ending, results: None, downloads: 0, not_before_ms: 0 }),
        (S::Collecting { ending, results: None, downloads, .. }, Event::Retry { not_before_ms }) => {
            Ok(S::Collecting { ending: ending.clone(), results: None, downloads: downloads + 1, not_before_ms })
        }
        (S::Collecting { ending, results, downloads, .. }, Event::Choose { results: chosen })
            if results.is_none() || crate::faults::planted(crate::faults::Fault::SecondCollectorOverwrites) =>
        {
            Ok(S::Collecting { ending: ending.clone(), results: Some(chosen), downloads: *downloads, not_before_ms: 0 })
        }
        (S::Collecting { .. } | S::Done { .. }, Event::Collected { leftovers }) => Ok(S::Done { leftovers }),
        (
            S::Open { .. }
            | S::Abandoned
            | S::Sealed
            | S::Uploading
            | S::Waiting { .. }
            | S::Creating(_)
            | S::Submitted(_)
            | S::Cancelling(..)
            | S::Collecting { .. }
            | S::Done { .. },
            _,
        ) => Err(IllegalTransition { from: state.kind() }),
    }
}

/// A state without its particulars: what counts and diagrams name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateKind {
    /// See [`State::Open`].
    Open,
    /// See [`State::Abandoned`].
    Abandoned,
    /// See [`State::Sealed`].
    Sealed,
    /// See [`State::Uploading`].
    Uploading,
    /// See [`State::Waiting`].
    Waiting,
    /// See [`State::Creating`].
    Creating,
    /// See [`State::Submitted`].
    Submitted,
    /// See [`State::Cancelling`].
    Cancelling,
    /// See [`State::Collecting`].
    Collecting,
    /// See [`State::Done`].
    Done,
}

impl StateKind {
    /// Every kind, in the order of a submission's life.
    pub const ALL: [Self; 10] = [
        Self::Open,
        Self::Abandoned,
        Self::Sealed,
        Self::Uploading,
        Self::Waiting,
        Self::Creating,
        Self::Submitted,
        Self::Cancelling,
        Self::Collecting,
        Self::Done,
    ];

    /// The stored and printed spelling; serde uses the same.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Abandoned => "abandoned",
            Self::Sealed => "sealed",
            Self::Uploading => "uploading",
            Self::Waiting => "waiting",
            Self::Creating => "creating",
            Self::Submitted => "submitted",
            Self::Cancelling => "cancelling",
            Self::Collecting => "collecting",
            Self::Done => "done",
        }
    }
}

impl State {
    /// The state without its particulars.
    pub const fn kind(&self) -> StateKind {
        match self {
            Self::Open { .. } => StateKind::Open,
            Self::Abandoned => StateKind::Abandoned,
            Self::Sealed => StateKind::Sealed,
            Self::Uploading => StateKind::Uploading,
            Self::Waiting { .. } => StateKind::Waiting,
            Self::Creating(_) => StateKind::Creating,
            Self::Submitted(_) => StateKind::Submitted,
            Self::Cancelling(..) => StateKind::Cancelling,
            Self::Collecting { .. } => StateKind::Collecting,
            Self::Done { .. } => StateKind::Done,
        }
    }

    /// Whether nothing more is owed to it: abandoned, or done with nothing left over. An open one is not settled: if
    /// its packer died, the poller abandons it.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Abandoned => true,
            Self::Done { leftovers } => leftovers.is_empty(),
            Self::Open { .. }
            | Self::Sealed
            | Self::Uploading
            | Self::Waiting { .. }
            | Self::Creating(_)
            | Self::Submitted(_)
            | Self::Cancelling(..)
            | Self::Collecting { .. } => false,
        }
    }

    /// Whether its manifest is fixed: from sealing on.
    pub const fn is_sealed(&self) -> bool {
        !matches!(self, Self::Open { .. } | Self::Abandoned)
    }
}
