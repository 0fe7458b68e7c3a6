//! What a simulator is built with.

use crate::Faults;

/// The settings of a [`Simulator`](crate::Simulator), fixed for its life (but for the faults, which can be exchanged).
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of every id and every draw. Default 0.
    pub seed: u64,
    /// Faults in force at the start and after each reset. Default none.
    pub faults: Faults,
    /// Milliseconds from a batch's creation to `completed`: a quarter validating, half in progress, a quarter finalizing.
    /// Default 0: a batch is completed by the time of its first poll.
    pub batch_delay_ms: u64,
    /// Lines that a batch may have. Default 50,000.
    pub max_lines: usize,
    /// Bytes that a file for batches may have. Default 200 MiB.
    pub max_file_bytes: usize,
    /// Models that `GET /v1/models` lists. Others work too, unless their name starts with `missing-`.
    pub models: Vec<String>,
    /// Whether callers may go without a key, as at a model server of one's own. Default no.
    pub is_open: bool,
}

impl Default for Options {
    fn default() -> Self {
        let models = ["gpt-4o-mini", "gpt-4.1-mini", "gpt-5-mini", "text-embedding-3-small", "omni-moderation-latest"];
        Self {
            seed: 0,
            faults: Faults::default(),
            batch_delay_ms: 0,
            max_lines: 50_000,
            max_file_bytes: 200 << 20,
            models: models.map(str::to_owned).to_vec(),
            is_open: false,
        }
    }
}
