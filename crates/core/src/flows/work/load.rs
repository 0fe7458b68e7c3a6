//! What an engine is given: so many calls at once, and of a provider so many within a minute.

use crate::fleet::{Meter, Pace, Reserved};

/// The longest that a provider is left alone because it says so, milliseconds.
const LONGEST_HOLD_MS: u64 = 600_000;

/// What an engine is given.
pub(super) struct Load {
    pub(super) pace: Pace,
    pub(super) meter: Meter,
}

/// A call that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    /// Its number.
    pub(super) call: u64,
    pub(super) reserved: Reserved,
}

impl Load {
    /// A call of so many estimated tokens begins.
    ///
    /// # Errors
    /// It may not before that time, Unix milliseconds.
    pub(super) fn begin(&mut self, tokens: u64, now_ms: u64) -> Result<Begun, u64> {
        let reserved = self.meter.begin(tokens, now_ms)?;
        Ok(Begun { call: self.pace.begin(), reserved })
    }

    /// A call was too much, and no other begins for a while, if the engine said how long.
    pub(super) fn was_too_much(&mut self, begun: Begun, hold_ms: Option<u64>, now_ms: u64) {
        self.pace.was_too_much(begun.call);
        if let Some(hold_ms) = hold_ms {
            self.meter.hold(now_ms + hold_ms.min(LONGEST_HOLD_MS));
        }
    }
}
