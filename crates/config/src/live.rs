//! What of `[[provider]]` live calls go by, where a route has `backend = "live"`.

use std::time::Duration;

use offpeak_core::fleet::{Rates, Timing};

use crate::bounds::{RATES, amounts};
use crate::class::millis;
use crate::document::Section;
use crate::problem::Problems;
use crate::value::{self, HOUR, SHORTEST};

/// How a provider is called live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// `requests_per_minute` and `tokens_per_minute` that may begin. Default: no limit but what the provider answers.
    pub rates: Rates,
    /// `concurrency`: calls at once at most, 1 to 4,096. Default 256.
    pub concurrency: u32,
    /// `request_timeout`: for one call, 50 ms to 1 h. Default 10 min.
    pub request_timeout: Duration,
}

impl Default for Live {
    fn default() -> Self {
        Self { rates: Rates::default(), concurrency: 256, request_timeout: Duration::from_mins(10) }
    }
}

impl Live {
    pub(crate) fn read(section: &mut Section<'_>, problems: &mut Problems) -> Self {
        let [requests_per_minute, tokens_per_minute] = amounts(section, &RATES, None, problems);
        let mut live = Self { rates: Rates { requests_per_minute, tokens_per_minute }, ..Self::default() };
        let given = section.number("concurrency", problems);
        if let Some(most) = problems.read(given, |number| value::number(*number, &(1..=4_096))) {
            live.concurrency = u32::try_from(most.value).unwrap_or(u32::MAX);
        }
        let given = section.text("request_timeout", problems);
        if let Some(timeout) = problems.read(given, |text| value::duration(text, SHORTEST..=HOUR)) {
            live.request_timeout = timeout.value;
        }
        live
    }

    /// How its work is cut, held and kept.
    pub(crate) fn timing(&self) -> Timing {
        Timing { call_ms: millis(self.request_timeout), ..Timing::live() }
    }
}
