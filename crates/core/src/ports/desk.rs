//! Where workers get their work, and bring what they have done.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::objects::ByteStream;
use crate::endpoint::Endpoint;
use crate::fleet::{ChunkId, Timing, Tried};
use crate::ids::{JobId, ObjectName};

/// What a worker asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The worker's name, for operators: 1 to 128 bytes.
    pub worker: String,
    /// The models that its engine serves; a provider that is called live serves all that wait for it, and names none.
    pub models: Vec<String>,
    /// Models of which it could begin nothing now: no chunk of theirs is wanted.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub full: BTreeSet<String>,
}

/// A chunk that a worker holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Which chunk.
    pub chunk: ChunkId,
    /// At which attempt: its right to write.
    pub attempt: u32,
    /// The model.
    pub model: String,
    /// Where each line goes.
    pub endpoint: Endpoint,
    /// Lines that have no answer yet.
    pub lines: u32,
    /// Of them those that run alone.
    pub suspects: Vec<JobId>,
    /// Of them those that a provider was asked for in vain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// How long it is held without a renewal, milliseconds.
    pub lease_ms: u64,
    /// Between two checkpoints at most, milliseconds.
    pub checkpoint_ms: u64,
    /// Bytes of answers that one report can carry; none: as many as come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_bytes: Option<usize>,
}

/// Finished lines, as a worker brings them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Which of this lease, from 0: a repeat has the same.
    pub number: u32,
    /// Result lines in OpenAI's shape, each with its line feed.
    #[serde(with = "text")]
    pub bytes: Bytes,
    /// How many.
    pub lines: u32,
    /// Those that were not answered with success.
    pub failed: u32,
}

impl Checkpoint {
    /// Whether it has as many lines as it says, and no more failures than lines.
    pub fn is_sound(&self) -> bool {
        let feeds = memchr::memchr_iter(b'\n', &self.bytes).count() as u64;
        feeds == u64::from(self.lines) && self.failed <= self.lines && self.bytes.ends_with(b"\n") == (self.lines > 0)
    }
}

/// How a worker leaves a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// Every line has its answer, or it was asked to stop.
    Finished,
    /// Others are to go on, after a pause in milliseconds.
    GivenBack {
        /// Milliseconds.
        pause_ms: u64,
        /// Lines that were running when the engine died.
        suspects: Vec<JobId>,
        /// Lines that a provider was asked for in vain.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tried: Vec<Tried>,
    },
}

/// What a worker is told of a chunk that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It goes on.
    Held,
    /// It still holds it, and is to leave it.
    Stop,
    /// It does not hold it any more: what it has is nobody's.
    Lost,
}

/// What a worker on another machine says of a chunk that it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Which it holds.
    pub lease: Lease,
    /// What is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// How it leaves it, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving: Option<Leaving>,
}

/// The desk. A call that fails may have taken effect; every call may be repeated.
#[async_trait]
pub trait Desk: Send + Sync {
    /// The next chunk of these models, if there is one.
    ///
    /// # Errors
    /// [`StoreError`]; a chunk may be held then: its lease runs out.
    async fn take(&self, ask: &Ask) -> Result<Option<Lease>, StoreError>;

    /// The lines that have no answer yet, as they were sealed, each with its line feed, in the order in which they are to
    /// run.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn lines(&self, lease: &Lease) -> Result<ByteStream, StoreError>;

    /// Goes on holding it, and stores what is finished.
    ///
    /// # Errors
    /// [`StoreError`]: what is finished may be stored, so before anything else the same is to be asked again; but not after
    /// [`StoreError::Corrupt`], which says that it never will be.
    async fn keep(&self, lease: &Lease, finished: Option<Checkpoint>) -> Result<Standing, StoreError>;

    /// Leaves it, with what is finished.
    ///
    /// # Errors
    /// [`StoreError`]: as [`Desk::keep`].
    async fn leave(
        &self,
        lease: &Lease,
        finished: Option<Checkpoint>,
        leaving: Leaving,
    ) -> Result<Standing, StoreError>;
}

/// A piece of a chunk's lines, where an answer cannot carry all of them.
pub struct LinesPage {
    /// What it has.
    pub lines: PageLines,
    /// Where the next one begins; none: there is no more.
    pub next: Option<u32>,
}

/// What a page has.
pub enum PageLines {
    /// Lines as [`Desk::lines`] gives them.
    Here(ByteStream),
    /// One line, longer than a page: these bytes of an object, without a line feed.
    There {
        /// The object.
        object: ObjectName,
        /// Where it begins.
        offset: u64,
        /// Bytes.
        length: u64,
    },
}

/// The ability to give a chunk's lines in pieces.
#[async_trait]
pub trait Paged: Desk {
    /// The lines that have no answer yet, from a place on, 0 at first: about so many bytes of them. Pages that are asked
    /// for one after the other have each line once, whatever is answered meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn page(&self, lease: &Lease, from: u32, bytes: u64) -> Result<LinesPage, StoreError>;
}

impl std::fmt::Debug for LinesPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinesPage").field("next", &self.next).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PageLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here(_) => f.write_str("Here"),
            Self::There { object, length, .. } => write!(f, "There({object:?}, {length})"),
        }
    }
}

impl Lease {
    /// A lease over a chunk with so many lines left.
    pub(crate) fn of(chunk: &crate::fleet::Chunk, lines: u32, timing: &Timing) -> Self {
        Self {
            chunk: chunk.id,
            attempt: chunk.attempt,
            model: chunk.model.clone(),
            endpoint: chunk.endpoint,
            lines,
            suspects: chunk.suspects.clone(),
            tried: chunk.tried.clone(),
            lease_ms: timing.lease_ms,
            checkpoint_ms: timing.checkpoint_ms,
            report_bytes: timing.report_bytes,
        }
    }
}

/// Result lines are JSON, so they are text.
mod text {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(bytes).map_err(ser::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        String::deserialize(deserializer).map(Bytes::from).map_err(de::Error::custom)
    }
}
