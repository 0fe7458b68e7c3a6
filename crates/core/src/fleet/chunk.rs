//! The row of one chunk and how it moves.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::queue::{NAME, Queue};
use crate::endpoint::Endpoint;
use crate::faults::{Fault, planted};
use crate::ids::{JobId, ObjectName, SubmissionId, TenantId};

/// Which chunk of which submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChunkId {
    /// The submission.
    pub submission: SubmissionId,
    /// Its place there, from 0.
    pub index: u32,
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.submission, self.index)
    }
}

/// The row of one chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Which one.
    pub id: ChunkId,
    /// How many chunks its submission has.
    pub of: u32,
    /// Raised with each write.
    pub version: u64,
    /// The backend whose workers may take it. Rows of before it was noted are the fleet's.
    #[serde(default = "of_fleet")]
    pub backend: String,
    /// The model that runs it, by the engine's name.
    pub model: String,
    /// Where each line goes.
    pub endpoint: Endpoint,
    /// Whose lines these are: a chunk has lines of one tenant.
    pub tenant: TenantId,
    /// The first of its records in the submission's plan.
    pub first: u32,
    /// How many.
    pub lines: u32,
    /// Estimated tokens, those of the answers included.
    pub tokens: u64,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// How often it was taken: whoever took it last may write.
    pub attempt: u32,
    /// It is to end with what it has.
    pub stop: bool,
    /// Where it stands.
    pub state: ChunkState,
    /// Its finished lines.
    pub parts: Vec<Part>,
    /// Lines that were running when an engine died: each runs alone from then on.
    pub suspects: Vec<JobId>,
    /// Lines that a provider was asked for in vain, so that their tries are counted whoever makes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
}

/// A line that has no answer yet, though it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Which.
    pub line: JobId,
    /// Calls that failed, or were cut off.
    pub failed: u32,
    /// Calls that were too much at their time.
    pub put_off: u32,
}

fn of_fleet() -> String {
    NAME.to_owned()
}

/// Where a chunk stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkState {
    /// For a worker, not before that time, Unix milliseconds.
    Waiting {
        /// Unix milliseconds.
        not_before_ms: u64,
    },
    /// A worker's, until then.
    Held {
        /// The worker's name, for operators.
        worker: String,
        /// Unix milliseconds.
        until_ms: u64,
    },
    /// Every line has an answer.
    Done,
    /// Ended before that.
    Stopped,
}

impl ChunkState {
    /// Whether nothing follows.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Done | Self::Stopped)
    }
}

/// Finished lines, in one object that never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The object: result lines in OpenAI's shape.
    pub object: ObjectName,
    /// How many.
    pub lines: u32,
    /// Those of them that were not answered with success.
    pub failed: u32,
    /// Bytes.
    pub bytes: u64,
}

/// What happens to a chunk. Whoever says something of a chunk it holds says at which attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkEvent {
    /// A worker takes it.
    Take {
        /// The worker's name.
        worker: String,
        /// Unix milliseconds.
        until_ms: u64,
    },
    /// Its holder goes on, with a part more or without.
    Keep {
        /// The holder's attempt.
        attempt: u32,
        /// A checkpoint.
        part: Option<Part>,
        /// Unix milliseconds.
        until_ms: u64,
    },
    /// Its holder has an answer to every line, or ends it where it was asked to.
    Finish {
        /// The holder's attempt.
        attempt: u32,
        /// The last part.
        part: Option<Part>,
    },
    /// Its holder ends without.
    GiveBack {
        /// The holder's attempt.
        attempt: u32,
        /// The last part.
        part: Option<Part>,
        /// Unix milliseconds.
        not_before_ms: u64,
        /// Lines that were running when the engine died.
        suspects: Vec<JobId>,
        /// Lines that a provider was asked for in vain.
        tried: Vec<Tried>,
    },
    /// It is to end with what it has.
    Stop,
}

/// Somebody else holds it, or nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the chunk is not held at this attempt")]
pub struct NotHeld;

impl Chunk {
    /// Where it waits.
    pub fn queue(&self) -> Queue {
        let backend = if planted(Fault::BackendsMixed) { NAME } else { &self.backend };
        Queue::of(backend, &self.model)
    }

    /// Whether a worker may take it now. Clocks may differ by seconds: a lease that is over for one is renewed in vain by
    /// the other, which a write's condition tells.
    pub fn is_free(&self, now_ms: u64) -> bool {
        match &self.state {
            ChunkState::Waiting { not_before_ms } => now_ms >= *not_before_ms,
            ChunkState::Held { until_ms, .. } => now_ms > *until_ms,
            ChunkState::Done | ChunkState::Stopped => false,
        }
    }

    /// Whether these finished lines are among its parts.
    pub fn names(&self, part: &Part) -> bool {
        self.parts.iter().any(|known| known.object == part.object)
    }

    /// How many of its lines are finished.
    pub fn finished(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.lines)).sum()
    }

    /// The row after an event; its version is raised by whoever stores it.
    ///
    /// # Errors
    /// [`NotHeld`]: the event is somebody's who does not hold it, or it cannot be taken.
    pub fn after(&self, event: ChunkEvent, now_ms: u64) -> Result<Self, NotHeld> {
        let mut after = self.clone();
        match event {
            ChunkEvent::Take { worker, until_ms } => {
                if self.stop || !self.is_free(now_ms) {
                    return Err(NotHeld);
                }
                after.attempt += 1;
                after.state = ChunkState::Held { worker, until_ms };
            }
            ChunkEvent::Keep { attempt, part, until_ms } => {
                let worker = self.holder(attempt)?.to_owned();
                after.parts.extend(part);
                after.state = ChunkState::Held { worker, until_ms };
            }
            ChunkEvent::Finish { attempt, part } => {
                self.holder(attempt)?;
                after.parts.extend(part);
                let whole = after.finished() >= u64::from(self.lines);
                after.state = if whole { ChunkState::Done } else { ChunkState::Stopped };
            }
            ChunkEvent::GiveBack { attempt, part, not_before_ms, suspects, tried } => {
                if !planted(Fault::GivenBackByAnybody) {
                    self.holder(attempt)?;
                }
                after.parts.extend(part);
                (after.suspects, after.tried) = (suspects, tried);
                after.state = if self.stop { ChunkState::Stopped } else { ChunkState::Waiting { not_before_ms } };
            }
            ChunkEvent::Stop => {
                after.stop = true;
                if matches!(self.state, ChunkState::Waiting { .. }) || self.is_free(now_ms) {
                    after.state = ChunkState::Stopped;
                }
            }
        }
        Ok(after)
    }

    /// The worker that holds it at this attempt. A lease that is over still counts until somebody else takes it.
    fn holder(&self, attempt: u32) -> Result<&str, NotHeld> {
        match &self.state {
            ChunkState::Held { worker, .. } if self.attempt == attempt => Ok(worker),
            ChunkState::Waiting { .. } | ChunkState::Held { .. } | ChunkState::Done | ChunkState::Stopped => {
                Err(NotHeld)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> Chunk {
        Chunk {
            id: ChunkId { submission: SubmissionId([1; 16]), index: 0 },
            of: 1,
            version: 1,
            backend: NAME.to_owned(),
            model: "m".to_owned(),
            endpoint: Endpoint::ChatCompletions,
            tenant: TenantId::from("t"),
            first: 0,
            lines: 3,
            tokens: 10,
            created_ms: 0,
            attempt: 0,
            stop: false,
            state: ChunkState::Waiting { not_before_ms: 0 },
            parts: Vec::new(),
            suspects: Vec::new(),
            tried: Vec::new(),
        }
    }

    fn part(lines: u32) -> Part {
        Part { object: ObjectName::from("p"), lines, failed: 0, bytes: 1 }
    }

    fn take(chunk: &Chunk, now_ms: u64) -> Result<Chunk, NotHeld> {
        chunk.after(ChunkEvent::Take { worker: "w".to_owned(), until_ms: now_ms + 60 }, now_ms)
    }

    #[test]
    fn only_the_last_holder_writes() {
        let first = take(&chunk(), 0).unwrap();
        assert_eq!(take(&first, 60), Err(NotHeld), "it is held until then");
        let second = take(&first, 61).unwrap();
        let late = |attempt| second.after(ChunkEvent::Keep { attempt, part: Some(part(1)), until_ms: 200 }, 100);
        assert_eq!(late(1), Err(NotHeld));
        assert_eq!(late(2).unwrap().finished(), 1);
        assert_eq!(second.after(ChunkEvent::Finish { attempt: 1, part: Some(part(3)) }, 100), Err(NotHeld));
        let done = second.after(ChunkEvent::Finish { attempt: 2, part: Some(part(3)) }, 100).unwrap();
        assert_eq!(done.state, ChunkState::Done);
        assert_eq!(take(&done, 1_000), Err(NotHeld));
    }

    #[test]
    fn a_row_of_before_backends_were_noted_is_the_fleets() {
        let mut row = serde_json::to_value(chunk()).unwrap();
        assert!(row.as_object_mut().unwrap().remove("backend").is_some());
        assert_eq!(serde_json::from_value::<Chunk>(row).unwrap(), chunk());
    }

    #[test]
    fn what_is_to_stop_ends_with_what_it_has() {
        let stopped = chunk().after(ChunkEvent::Stop, 0).unwrap();
        assert_eq!(stopped.state, ChunkState::Stopped);
        let held = take(&chunk(), 0).unwrap().after(ChunkEvent::Stop, 1).unwrap();
        assert!(held.stop && !held.state.is_final(), "its holder still has lines to give");
        let ended = held.after(ChunkEvent::Finish { attempt: 1, part: Some(part(2)) }, 2).unwrap();
        assert_eq!((ended.finished(), &ended.state), (2, &ChunkState::Stopped));
        let lost = held.after(ChunkEvent::Stop, 61).unwrap();
        assert_eq!(lost.state, ChunkState::Stopped, "its holder is gone");
    }
}
