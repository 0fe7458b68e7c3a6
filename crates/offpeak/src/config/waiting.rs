//! `[waiting]`: how long a call is held and what it is told then.

use std::time::Duration;

use super::document::Document;
use super::flags::Flags;
use super::problem::Problems;
use super::value;

/// The longest hold: the SDKs give a call up after 600 s.
const LONGEST_HOLD: Duration = Duration::from_secs(590);

/// How long a call is held and what it is told then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// `hold`: a call stays open so long for its answer; `0s` to 590 s. Default 280 s.
    pub(crate) hold: Duration,
    /// `not_ready_status`: the HTTP status after that, 503 or 422 (for clients that poll by repeating). Default 503.
    pub(crate) not_ready_status: u16,
    /// `retry_after`: the pause that clients are asked for, whole seconds from 1 to 60. Default 30 s.
    pub(crate) retry_after: Duration,
    /// `redirect`: whether a held call is sent on to its job's result. Default false.
    pub(crate) redirect: bool,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            hold: Duration::from_secs(280),
            not_ready_status: 503,
            retry_after: Duration::from_secs(30),
            redirect: false,
        }
    }
}

impl Waiting {
    pub(super) fn read(document: &mut Document<'_>, flags: &Flags, problems: &mut Problems) -> Self {
        let mut section = document.table("waiting", problems);
        let mut waiting = Self::default();
        let hold = section.text("hold", problems);
        if let Some(hold) = problems.read_either(hold, flags.hold(), |text| held(text)) {
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

fn held(text: &str) -> Result<Duration, String> {
    let hold = value::duration(text, Duration::ZERO..=LONGEST_HOLD)?;
    if hold > Duration::ZERO && hold < value::SHORTEST {
        return Err(format!("{text:?} is out of range; allowed: 0s, or from 50ms to 590s"));
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
