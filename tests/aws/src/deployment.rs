//! What was granted when.

use std::collections::BTreeSet;

use crate::Grant;

/// A deployment of the stack.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// How its parameters differ from those of the first one.
    pub changed: String,
    /// When it began, Unix milliseconds.
    pub from_ms: u64,
    /// When the next one had ended, Unix milliseconds: until then either may be in force.
    pub to_ms: u64,
    /// What it grants.
    pub grants: BTreeSet<Grant>,
}

impl Deployment {
    /// Whether it may have been in force at that time.
    pub fn in_force(&self, at_ms: u64) -> bool {
        (self.from_ms..self.to_ms).contains(&at_ms)
    }
}
