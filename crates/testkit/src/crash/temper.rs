//! A provider's ways, as a script.

use offpeak_core::submission::Limits;

use super::plan::{SKEW_MS, Temper};
use crate::provider::{BatchOdds, DownloadOdds, LineOdds, Script, Span};

impl Temper {
    /// The provider's script for it.
    pub fn script(&self, limits: Limits, window_ms: u64) -> Script {
        Script {
            limits,
            skew_ms: SKEW_MS,
            list_lag_ms: self.list_lag_ms,
            validation: Span::new(100, 3_000),
            run: Span::new(500, self.slowest_ms),
            cancellation: Span::new(0, 10_000),
            window_ms,
            batches: BatchOdds {
                throttled: self.throttled,
                refused: self.fails / 10,
                token_limit: self.fails,
                invalid: self.fails / 4,
                invalid_lines: self.fails / 4,
                overlong: self.expires,
                stuck: self.stuck,
                deaf: self.stuck / 2,
            },
            lines: LineOdds {
                bad_request: self.refused,
                rate_limited: self.passing,
                server_error: self.passing / 2,
                timed_out: self.passing / 4,
                vanished: self.passing / 4,
                repeated: self.refused / 2,
            },
            downloads: DownloadOdds { cut_visibly: self.cut, cut_silently: self.cut / 3 },
        }
    }

    /// The same provider on a good day.
    #[must_use]
    pub fn calmed(&self) -> Self {
        Self { passing: 0, refused: 0, fails: 0, expires: 0, stuck: 0, cut: 0, throttled: 0, late: 0, ..*self }
    }
}
