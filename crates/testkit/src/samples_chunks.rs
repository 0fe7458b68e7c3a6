//! Rows of chunks to test with.

use offpeak_core::endpoint::Endpoint;
use offpeak_core::fleet::{self, Chunk, ChunkId, ChunkState, Part, Queue, Tried};
use offpeak_core::ids::SubmissionId;

use crate::samples::{CREATED_MS, Namespace};

impl Namespace {
    /// The namespace's model: equal for equal words.
    pub fn model(&self, word: &str) -> String {
        self.name(&format!("org/model {word}"))
    }

    /// The fleet's queue of that model.
    pub fn queue(&self, word: &str) -> Queue {
        Queue::of_fleet(&self.model(word))
    }

    /// The backend of live calls, other than any namespace's.
    pub fn live(&self) -> String {
        fleet::live(&self.name("provider"))
    }

    /// The only chunk of a new submission, as it is created.
    pub fn chunk(&self) -> Chunk {
        Chunk { of: 1, ..self.chunk_at(self.submission_id(), 0) }
    }

    /// Chunks of one new submission, by index.
    pub fn chunks(&self, of: u32) -> Vec<Chunk> {
        let submission = self.submission_id();
        (0..of).map(|index| Chunk { of, ..self.chunk_at(submission, index) }).collect()
    }

    fn chunk_at(&self, submission: SubmissionId, index: u32) -> Chunk {
        Chunk {
            id: ChunkId { submission, index },
            of: index + 1,
            version: 1,
            backend: fleet::NAME.to_owned(),
            model: self.model("small"),
            endpoint: Endpoint::ChatCompletions,
            tenant: self.tenant(),
            first: 3 * index,
            lines: 3,
            tokens: 900,
            created_ms: CREATED_MS,
            attempt: 0,
            stop: false,
            state: ChunkState::Waiting { not_before_ms: CREATED_MS },
            parts: Vec::new(),
            suspects: Vec::new(),
            tried: Vec::new(),
        }
    }

    /// Finished lines of a chunk, in an object of that word.
    pub fn finished(&self, word: &str) -> Part {
        Part { object: self.object(word), lines: 2, failed: 1, bytes: 5_000_000_000 }
    }

    /// Chunks in every state, among them each field with a value and without.
    pub fn various_chunks(&self) -> Vec<Chunk> {
        let held =
            || ChunkState::Held { worker: "a \"worker\" / ünïcode \u{1f642}".to_owned(), until_ms: CREATED_MS + 7 };
        let full = |state| Chunk {
            state,
            of: u32::MAX,
            endpoint: Endpoint::Embeddings,
            first: u32::MAX - 9,
            lines: 9,
            tokens: u64::MAX >> 1,
            attempt: 4,
            stop: true,
            parts: vec![self.finished("part/1"), self.finished("part/2")],
            suspects: vec![self.job_id(), self.job_id()],
            tried: vec![Tried { line: self.job_id(), failed: 2, put_off: 7 }],
            backend: self.live(),
            ..self.chunk()
        };
        vec![
            self.chunk(),
            Chunk { state: held(), attempt: 1, ..self.chunk() },
            full(ChunkState::Waiting { not_before_ms: 0 }),
            full(held()),
            full(ChunkState::Done),
            full(ChunkState::Stopped),
        ]
    }
}
