//! What a caller may say in headers. None of them reaches the provider.

use http::{HeaderMap, HeaderName};
use jiff::{SignedDuration, Timestamp};
use offpeak_core::flows::accept::MAX_DEADLINE_MS;

use crate::error::ApiError;

/// The longest Idempotency-Key, characters.
const LONGEST_KEY: usize = 255;

/// The longest tag, characters.
const LONGEST_TAG: usize = 64;

/// The longest URL of a webhook, characters: it is kept in the job's row.
const LONGEST_URL: usize = 512;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const CLASS: HeaderName = HeaderName::from_static("x-offpeak-class");
const DEADLINE: HeaderName = HeaderName::from_static("x-offpeak-deadline");
const DATA: HeaderName = HeaderName::from_static("x-offpeak-data");
const TAG: HeaderName = HeaderName::from_static("x-offpeak-tag");
const WEBHOOK: HeaderName = HeaderName::from_static("x-offpeak-webhook");
const RETRY_COUNT: HeaderName = HeaderName::from_static("x-stainless-retry-count");
const TIMEOUT: HeaderName = HeaderName::from_static("x-stainless-timeout");
const READ_TIMEOUT: HeaderName = HeaderName::from_static("x-stainless-read-timeout");

/// A caller's wishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    pub(crate) key: Option<String>,
    pub(crate) class: Option<String>,
    /// Unix milliseconds.
    pub(crate) deadline_ms: Option<u64>,
    /// Nothing of it may leave own model servers.
    pub(crate) private: bool,
    pub(crate) tag: Option<String>,
    /// Whom to tell of its end: a receiver's id, or a URL.
    pub(crate) webhook: Option<String>,
    pub(crate) wait: Wait,
    pub(crate) retry_count: u32,
}

/// How long a caller wants to be held, and whether it takes 202 for an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) respond_async: bool,
    /// `Prefer: wait=SECONDS`, milliseconds.
    pub(crate) at_most_ms: Option<u64>,
    /// How long the client stays without a byte, milliseconds.
    pub(crate) read_timeout_ms: Option<u64>,
}

/// Reads the headers of a request that becomes a job.
pub(crate) fn wishes(headers: &HeaderMap, now_ms: u64) -> Result<Wishes, ApiError> {
    Ok(Wishes {
        key: text(headers, &IDEMPOTENCY_KEY, LONGEST_KEY)?,
        class: text(headers, &CLASS, LONGEST_TAG)?,
        deadline_ms: text(headers, &DEADLINE, 64)?.map(|text| deadline(&text, now_ms)).transpose()?,
        private: private(headers)?,
        tag: text(headers, &TAG, LONGEST_TAG)?,
        webhook: webhook(headers)?,
        wait: wait(headers),
        retry_count: number(headers, &RETRY_COUNT).unwrap_or(0),
    })
}

/// Reads only whether it is private. A word that is not understood is refused: it was meant to keep something in.
pub(crate) fn private(headers: &HeaderMap) -> Result<bool, ApiError> {
    let Some(value) = headers.get(&DATA) else { return Ok(false) };
    if value == "private" {
        return Ok(true);
    }
    let message = "The header x-offpeak-data must be `private`, or be left out.";
    Err(ApiError::bad_request("invalid_header", None, message))
}

/// Reads only the Idempotency-Key.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    text(headers, &IDEMPOTENCY_KEY, LONGEST_KEY)
}

/// Reads only whom to tell.
pub(crate) fn webhook(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    text(headers, &WEBHOOK, LONGEST_URL)
}

/// Reads only how the caller waits.
pub(crate) fn wait(headers: &HeaderMap) -> Wait {
    let timeouts = [&READ_TIMEOUT, &TIMEOUT].map(|name| number(headers, name).and_then(milliseconds));
    let mut wait = Wait { read_timeout_ms: timeouts.into_iter().flatten().min(), ..Wait::default() };
    for value in headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok()) {
        for preference in value.split(',') {
            let (name, value) = preference_of(preference);
            if name.eq_ignore_ascii_case("respond-async") {
                wait.respond_async = true;
            } else if name.eq_ignore_ascii_case("wait") {
                wait.at_most_ms = value.parse().ok().and_then(milliseconds);
            }
        }
    }
    wait
}

/// A preference's name and value, without its parameters (RFC 7240 section 2).
fn preference_of(text: &str) -> (&str, &str) {
    let text = text.split(';').next().unwrap_or("");
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.trim(), value.trim().trim_matches('"'))
}

fn milliseconds(seconds: f64) -> Option<u64> {
    let whole = std::time::Duration::try_from_secs_f64(seconds).ok()?.as_millis();
    u64::try_from(whole).ok()
}

fn number<T: std::str::FromStr>(headers: &HeaderMap, name: &HeaderName) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn text(headers: &HeaderMap, name: &HeaderName, longest: usize) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let refuse = || {
        let message = format!("The header {name} must be 1 to {longest} printable ASCII characters.");
        ApiError::bad_request("invalid_header", None, message)
    };
    let value = value.to_str().map_err(|_| refuse())?;
    if value.is_empty() || value.len() > longest { Err(refuse()) } else { Ok(Some(value.to_owned())) }
}

/// A duration from now (`2h`, `90 min`) or a moment (RFC 3339), in the future and at most 13 days away.
fn deadline(text: &str, now_ms: u64) -> Result<u64, ApiError> {
    let refuse = || {
        let message = "The header x-offpeak-deadline must be a duration such as 2h, or an RFC 3339 time, in the future \
                       and at most 13 days away.";
        ApiError::bad_request("invalid_deadline", None, message)
    };
    let from_now = || {
        let duration: SignedDuration = text.parse().ok()?;
        now_ms.checked_add(u64::try_from(duration.as_millis()).ok()?)
    };
    let moment = || u64::try_from(text.parse::<Timestamp>().ok()?.as_millisecond()).ok();
    let at_ms = from_now().or_else(moment).ok_or_else(refuse)?;
    if at_ms <= now_ms || at_ms > now_ms + MAX_DEADLINE_MS { Err(refuse()) } else { Ok(at_ms) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &str)]) -> Result<Wishes, ApiError> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        wishes(&headers, 1_000_000)
    }

    #[test]
    fn wishes_are_read() {
        let wishes = read(&[
            ("idempotency-key", "k"),
            ("prefer", "respond-async, wait=2.5"),
            ("x-offpeak-deadline", "2h"),
            ("x-offpeak-data", "private"),
            ("x-stainless-retry-count", "3"),
            ("x-stainless-read-timeout", "600"),
        ])
        .unwrap();
        assert_eq!(wishes.key.as_deref(), Some("k"));
        assert_eq!(wishes.deadline_ms, Some(1_000_000 + 7_200_000));
        assert_eq!(wishes.retry_count, 3);
        assert!(wishes.private && !read(&[]).unwrap().private);
        assert_eq!(wishes.wait, Wait { respond_async: true, at_most_ms: Some(2_500), read_timeout_ms: Some(600_000) });
    }

    #[test]
    fn preferences_are_read_however_they_are_spelled() {
        for (text, respond_async, at_most_ms) in [
            ("Respond-Async; x=1, WAIT = 3", true, Some(3_000)),
            ("wait=\"4\";y", false, Some(4_000)),
            ("handling=lenient, wait=", false, None),
        ] {
            let wait = read(&[("prefer", text)]).unwrap().wait;
            assert_eq!(wait, Wait { respond_async, at_most_ms, read_timeout_ms: None }, "{text}");
        }
    }

    #[test]
    fn the_smaller_of_two_timeouts_holds() {
        for (read_timeout, timeout, want) in [("600", "30", 30_000), ("5", "30", 5_000), ("odd", "7", 7_000)] {
            let wishes = read(&[("x-stainless-read-timeout", read_timeout), ("x-stainless-timeout", timeout)]).unwrap();
            assert_eq!(wishes.wait.read_timeout_ms, Some(want));
        }
    }

    #[test]
    fn odd_wishes_are_refused() {
        let long = "k".repeat(256);
        for pair in [
            ("idempotency-key", long.as_str()),
            ("idempotency-key", ""),
            ("x-offpeak-data", "secret"),
            ("x-offpeak-data", ""),
            ("x-offpeak-deadline", "soon"),
            ("x-offpeak-deadline", "-2h"),
            ("x-offpeak-deadline", "14d"),
            ("x-offpeak-deadline", "1970-01-01T00:00:01Z"),
        ] {
            assert!(read(&[pair]).is_err(), "{pair:?}");
        }
        assert_eq!(read(&[("x-offpeak-deadline", "1970-01-02T00:00:00Z")]).unwrap().deadline_ms, Some(86_400_000));
    }
}
