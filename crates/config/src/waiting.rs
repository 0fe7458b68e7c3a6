//! `[waiting]`: how long a call is held and what it is told then.

use std::time::Duration;

use crate::document::Document;
use crate::place::{Place, Surroundings};
use crate::problem::Problems;
use crate::value;

/// The longest hold: the SDKs give a call up after 600 s.
const LONGEST_HOLD: Duration = Duration::from_secs(590);

/// On Lambda: an HTTP API gives a call 30 s (API Gateway service model, read 2026-11-20).
const LONGEST_ON_LAMBDA: Duration = Duration::from_secs(25);

/// How long a call is held and what it is told then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// `hold`: a call stays open so long for its answer; `0s` to 590 s. Default 280 s. On AWS `0s` to
    /// 25 s, default 0 s: a held second is billed.
    pub hold: Duration,
    /// `not_ready_status`: the HTTP status after that, 503 or 422 (for clients that poll by repeating). Default 503.
    pub not_ready_status: u16,
    /// `retry_after`: the pause that clients are asked for, whole seconds from 1 to 60. Default 30 s, on AWS
    /// 60 s.
    pub retry_after: Duration,
    /// `redirect`: whether a held call is sent on to its job's result. Default false.
    pub redirect: bool,
}

impl Waiting {
    /// What holds where nothing is said.
    pub(crate) fn of(place: Place) -> Self {
        let (hold_s, retry_after_s) = match place {
            Place::Machine => (280, 30),
            Place::Lambda => (0, 60),
        };
        Self {
            hold: Duration::from_secs(hold_s),
            not_ready_status: 503,
            retry_after: Duration::from_secs(retry_after_s),
            redirect: false,
        }
    }

    pub(crate) fn read(document: &mut Document<'_>, around: Surroundings<'_>, problems: &mut Problems) -> Self {
        let mut section = document.table("waiting", problems);
        let mut waiting = Self::of(around.place);
        let longest = if around.place == Place::Lambda { LONGEST_ON_LAMBDA } else { LONGEST_HOLD };
        let hold = section.text("hold", problems);
        if let Some(hold) = problems.read_either(hold, around.flags.hold(), |text| held(text, longest)) {
            waiting.hold = hold.value;
        }
        let status = section.number("not_ready_status", problems);
        if let Some(status) = problems.read(status, |status| not_ready(*status)) {
            waiting.not_ready_status = status.value;
        }
        let retry_after = section.text("retry_after", problems);
        if let Some(retry_after) = problems.read(retry_after, |text| pause(text)) {
            waiting.retry_after = retry_after.value;
        }
        if let Some(redirect) = section.flag("redirect", problems) {
            waiting.redirect = redirect.value;
        }
        section.finish(problems);
        waiting
    }
}

fn held(text: &str, longest: Duration) -> Result<Duration, String> {
    let hold = value::duration(text, Duration::ZERO..=longest)?;
    if hold > Duration::ZERO && hold < value::SHORTEST {
        return Err(format!("{text:?} is out of range; allowed: 0s, or from 50ms to {}s", longest.as_secs()));
    }
    Ok(hold)
}

fn not_ready(status: u64) -> Result<u16, String> {
    match status {
        422 => Ok(422),
        503 => Ok(503),
        other => Err(format!("{other} is unknown; allowed: 503, 422")),
    }
}

fn pause(text: &str) -> Result<Duration, String> {
    let pause = value::duration(text, Duration::from_secs(1)..=Duration::from_mins(1))?;
    if pause.subsec_nanos() == 0 { Ok(pause) } else { Err(format!("{text:?} is not a number of whole seconds")) }
}
