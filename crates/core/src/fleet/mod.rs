//! Own model servers, and live calls of providers: a submission to them is cut into chunks, which workers take one at a
//! time.
//!
//! ```text
//!  waiting ──take──► held(worker, until) ──finish──► done
//!     ▲                   │ given back, or its lease is over
//!     └───────────────────┘            asked to stop ─► stopped
//! ```
//! A chunk's row is its place in the work queue, its lease and its ledger: what it holds of finished lines is what the row
//! names, and only whoever holds it may name more. Here is decided from values; `flows::fleet` and `flows::work` do it.

mod chunk;
mod cut;
mod meter;
mod pace;
mod plan;
mod pool;
mod queue;
mod scale;
mod share;

pub use chunk::{Chunk, ChunkEvent, ChunkId, ChunkState, NotHeld, Part, Tried};
pub use cut::{Cut, Request, cut, estimate};
pub use meter::{Meter, Rates, Reserved};
pub use pace::Pace;
pub use plan::{Plan, Record};
pub use pool::{Memory, Seen, asks};
pub use queue::{NAME, Queue, live, live_provider, runs_chunks};
pub use scale::{
    Decision, Demand, Instance, InstanceState, Pool, Prices, Purchase, Scaling, Shortage, Why, ends_itself,
    outstanding, scale,
};
pub use share::{Served, next_of};

/// What operators decide of chunks and workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a chunk belongs to its worker without a renewal, milliseconds. Default 60 s.
    pub lease_ms: u64,
    /// Between two checkpoints at most, milliseconds: what a death can cost. Default 30 s.
    pub checkpoint_ms: u64,
    /// Bytes of answers that make a checkpoint earlier. Default 4 MiB.
    pub checkpoint_bytes: usize,
    /// Bytes of answers that one report to the gateway can carry, where something before it has a limit. Default none.
    pub report_bytes: Option<usize>,
    /// Estimated tokens of a chunk, a few minutes of work: default 500,000, two and a half minutes at 3,500 tokens a second
    /// (an L40S with a model of 8 B, estimated in 2026-11).
    pub chunk_tokens: u64,
    /// Lines of a chunk. Default 2,048.
    pub chunk_lines: u32,
    /// For one call of an engine, milliseconds. Default 10 min.
    pub call_ms: u64,
    /// How often a call that fails in passing is made in all, before its failure is the line's answer. Default 5.
    pub tries: u32,
    /// The pause before the second try, doubled each time, milliseconds. Default 500 ms.
    pub pause_ms: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease_ms: 60_000,
            checkpoint_ms: 30_000,
            checkpoint_bytes: 4 << 20,
            report_bytes: None,
            chunk_tokens: 500_000,
            chunk_lines: 2_048,
            call_ms: 600_000,
            tries: 5,
            pause_ms: 500,
        }
    }
}

impl Timing {
    /// For live calls of providers. What a death costs is paid again, so it is kept small: checkpoints every 2 s; and
    /// chunks of 256 lines, so that their rows stay small though checkpoints are many.
    pub fn live() -> Self {
        Self { checkpoint_ms: 2_000, chunk_lines: 256, ..Self::default() }
    }
}
