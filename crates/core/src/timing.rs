//! The durations and limits by which flows decide, in one place.

use crate::submission::Size;

/// Every duration in milliseconds.
#[derive(Debug, Clone)]
pub struct Timing {
    /// How often packer and poller run. Default 1 s locally.
    pub tick_ms: u64,
    /// How long a received message stays hidden from other receivers. Default 120 s.
    pub visibility_ms: u64,
    /// How long one receive waits for a message. Default 0: locally a message is visible at once.
    pub receive_wait_ms: u64,
    /// How long an open submission belongs to its packer without renewal. Default 60 s.
    pub lease_ms: u64,
    /// Deadline of one create call. Default 60 s.
    pub create_timeout_ms: u64,
    /// After a create's deadline, how long its batch may still turn up in the provider's list. Default 5 min;
    /// at least time in flight + list lag + twice the clock skew.
    pub create_grace_ms: u64,
    /// Between the two listings that together say "no such batch". Default 30 s.
    pub absent_gap_ms: u64,
    /// Between two polls of one batch. Default 30 s.
    pub poll_interval_ms: u64,
    /// Where each tick forgets when a batch was polled: how far ticks are apart. 0, the default, where whoever polls
    /// remembers.
    pub poll_tick_ms: u64,
    /// How long the provider may let a submission wait, or be away, before its lines go to a later target. Default 15 min.
    pub patience_ms: u64,
    /// The provider's completion window. 24 h at OpenAI (Batch guide, read 2026-11-20).
    pub window_ms: u64,
    /// Past its window by this much a batch is cancelled; past it once more it is given up. Default 1 h.
    pub margin_ms: u64,
    /// The longest one try of a client may take, its pause included: 600 s SDK time-out + 120 s, the longest
    /// `Retry-After` that an official SDK honours (openai 3.52.0, seen 2026-11-20).
    pub longest_try_ms: u64,
    /// How often a line may run in all. Default 3.
    pub max_attempts: u32,
    /// Downloads whose counts disagree are tried this often before what is there is taken. Default 10.
    pub max_downloads: u32,
    /// How long the smallest upload, download, settling, split or merge may take before another begins the same again.
    /// Default 60 s.
    pub transfer_ms: u64,
}

impl Timing {
    /// The same of a submission of that size: a second more for each MiB, and for 250 lines, each a write.
    pub const fn transfer_ms_of(&self, size: &Size) -> u64 {
        self.reading_ms_of(size.bytes).saturating_add(size.requests.saturating_mul(4))
    }

    /// How long splitting an input of so many bytes may take, or merging what became of it.
    pub const fn reading_ms_of(&self, bytes: u64) -> u64 {
        self.transfer_ms.saturating_add(bytes / 1_024)
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            tick_ms: 1_000,
            visibility_ms: 120_000,
            receive_wait_ms: 0,
            lease_ms: 60_000,
            create_timeout_ms: 60_000,
            create_grace_ms: 300_000,
            absent_gap_ms: 30_000,
            poll_interval_ms: 30_000,
            poll_tick_ms: 0,
            patience_ms: 900_000,
            window_ms: 86_400_000,
            margin_ms: 3_600_000,
            longest_try_ms: 720_000,
            max_attempts: 3,
            max_downloads: 10,
            transfer_ms: 60_000,
        }
    }
}
