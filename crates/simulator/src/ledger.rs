//! Who was billed for what: the memory behind `paid_twice` and `lines_distinct`.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Entries that a set holds at most: about 256 MiB, far above any test or benchmark.
const CAPACITY: usize = 8_000_000;

/// A set of 128-bit digests, which need no further hashing.
pub(crate) type DigestSet = HashSet<u128, BuildHasherDefault<Prehashed>>;

/// Takes a digest's lower half for its hash.
#[derive(Default)]
pub(crate) struct Prehashed(u64);

impl Hasher for Prehashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u128(&mut self, digest: u128) {
        self.0 = crate::digest::low_half(digest);
    }
}

/// The billed executions, by digest.
#[derive(Default)]
pub(crate) struct Ledger {
    custom_ids: DigestSet,
    lines: DigestSet,
}

/// What billing a line brought to light.
pub(crate) struct Billing {
    /// A line of this custom id had been billed before.
    pub(crate) paid_before: bool,
    /// No line of this custom id and body had been billed before.
    pub(crate) distinct: bool,
    /// The ledger is full and no longer remembers new lines.
    pub(crate) full: bool,
}

impl Ledger {
    /// Enters one billed execution, given the digests of its custom id and of custom id and body.
    pub(crate) fn bill(&mut self, custom_id: u128, line: u128) -> Billing {
        if self.lines.len() >= CAPACITY {
            return Billing { paid_before: self.custom_ids.contains(&custom_id), distinct: false, full: true };
        }
        Billing { paid_before: !self.custom_ids.insert(custom_id), distinct: self.lines.insert(line), full: false }
    }
}
