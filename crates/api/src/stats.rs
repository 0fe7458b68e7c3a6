//! Counts and latencies for operators, in constant memory.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Buckets of the latency histogram: eight to each power of two, so a percentile is at most an eighth too high.
const BUCKETS: usize = 8 * 40;

/// What the front door counts.
#[derive(Debug)]
pub(crate) struct Stats {
    accepted: AtomicU64,
    refused: AtomicU64,
    answered: AtomicU64,
    not_ready: AtomicU64,
    relayed: AtomicU64,
    total_ms: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            not_ready: AtomicU64::new(0),
            relayed: AtomicU64::new(0),
            total_ms: AtomicU64::new(0),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

/// Counts since the start.
#[derive(Debug, Serialize)]
pub(crate) struct Counts {
    accepted: u64,
    refused: u64,
    answered: u64,
    not_ready: u64,
    relayed: u64,
}

/// Latencies of answered calls since the start, milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    avg: u64,
    p50: u64,
    p95: u64,
    p99: u64,
}

impl Stats {
    pub(crate) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn not_ready(&self) {
        self.not_ready.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn relayed(&self) {
        self.relayed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn answered(&self, took_ms: u64) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.total_ms.fetch_add(took_ms, Ordering::Relaxed);
        self.buckets[bucket(took_ms)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            answered: self.answered.load(Ordering::Relaxed),
            not_ready: self.not_ready.load(Ordering::Relaxed),
            relayed: self.relayed.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn latency(&self) -> Latency {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let percentile = |percent: u64| {
            let rank = (total * percent).div_ceil(100).max(1);
            let mut below = 0;
            let found = counts.iter().position(|count| {
                below += count;
                below >= rank
            });
            found.map_or(0, upper_bound)
        };
        Latency {
            avg: self.total_ms.load(Ordering::Relaxed).checked_div(total).unwrap_or(0),
            p50: percentile(50),
            p95: percentile(95),
            p99: percentile(99),
        }
    }
}

/// Values below 8 have a bucket each; above, the three bits below the highest one choose among eight.
fn bucket(value: u64) -> usize {
    if value < 8 {
        return usize::try_from(value).unwrap_or(0);
    }
    let power = 63 - value.leading_zeros() as usize;
    let eighth = usize::try_from((value >> (power - 3)) & 7).unwrap_or(0);
    ((power - 2) * 8 + eighth).min(BUCKETS - 1)
}

fn upper_bound(bucket: usize) -> u64 {
    if bucket < 8 {
        return bucket as u64;
    }
    let (power, eighth) = (bucket / 8 + 2, (bucket % 8) as u64);
    (1_u64 << power) + ((eighth + 1) << (power - 3)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_at_most_its_buckets_bound_and_not_far_below() {
        for value in (0..5_000).chain([1 << 20, (1 << 30) + 12_345]) {
            let bound = upper_bound(bucket(value));
            assert!(bound >= value && bound <= value + value / 8 + 1, "{value} {bound}");
        }
    }

    #[test]
    fn percentiles_are_ranks() {
        let stats = Stats::default();
        (1..=100).for_each(|ms| stats.answered(ms));
        let latency = stats.latency();
        assert_eq!((latency.avg, latency.p50, latency.p99), (50, 51, 103));
    }
}
