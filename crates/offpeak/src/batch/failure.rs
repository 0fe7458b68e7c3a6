//! Why a call brought nothing, in words for people, and whether it is worth another try.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;

/// Why a call brought no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No connection came about: nothing was sent.
    #[error("could not connect: {0}")]
    Unreachable(String),
    /// Time-out, reset or cut: it may have taken effect.
    #[error("no answer came: {0}")]
    Unanswered(String),
    /// A success that is not what the API says.
    #[error("the answer is none of the API: {0}")]
    Unreadable(String),
    /// An HTTP status other than success.
    #[error("{0}")]
    Denied(Denial),
    /// What was to be sent could not be read.
    #[error("the input could not be read: it was changed while it was sent")]
    Source,
    /// What came could not be written.
    #[error("it could not be written: {0}")]
    Disk(#[from] std::io::Error),
}

/// An HTTP answer other than success, in the server's words.
#[derive(Debug)]
pub(super) struct Denial {
    /// The HTTP status.
    pub(super) status: u16,
    /// For people.
    message: String,
    /// For programs.
    code: Option<String>,
    /// How long the server asks to wait.
    pub(super) retry_after: Option<Duration>,
    /// What the server says of another try, if it says anything.
    should_retry: Option<bool>,
}

/// OpenAI's envelope.
#[derive(Deserialize)]
struct Envelope {
    error: Fault,
}

#[derive(Deserialize)]
struct Fault {
    message: Option<String>,
    code: Option<serde_json::Value>,
}

impl Failure {
    /// What the HTTP client says, without the address.
    pub(super) fn of(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut innermost: &dyn std::error::Error = &error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let text = innermost.to_string();
        if error.is_connect() { Self::Unreachable(text) } else { Self::Unanswered(text) }
    }

    /// Whether the same call may bring more later.
    pub(super) const fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Unanswered(_) => true,
            Self::Denied(denial) => match denial.should_retry {
                Some(should) => should,
                None => matches!(denial.status, 408 | 425 | 429 | 500..),
            },
            Self::Unreadable(_) | Self::Source | Self::Disk(_) => false,
        }
    }

    /// The status of an answer other than success.
    pub(super) const fn status(&self) -> Option<u16> {
        match self {
            Self::Denied(denial) => Some(denial.status),
            Self::Unreachable(_) | Self::Unanswered(_) | Self::Unreadable(_) | Self::Source | Self::Disk(_) => None,
        }
    }
}

impl Denial {
    /// Reads an answer; `key` is taken out of what the server repeats of it.
    pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8], key: Option<&str>) -> Self {
        let fault = serde_json::from_slice(body).ok().map(|Envelope { error }| error);
        let (message, code) = fault.map_or((None, None), |fault| (fault.message, fault.code));
        let code = code.and_then(|code| code.as_str().map(str::to_owned)).filter(|code| !code.is_empty());
        let told = |text: String| plain(&key.map_or_else(|| text.clone(), |key| text.replace(key, "***")));
        let should_retry = headers.get("x-should-retry").map(|value| value == "true");
        let message = message.map_or_else(|| "the server gives no reason".to_owned(), told);
        Self { status, message, code: code.map(told), retry_after: retry_after(headers), should_retry }
    }
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, message, code, .. } = self;
        match code {
            Some(code) => write!(f, "{message} ({status} {code})"),
            None => write!(f, "{message} ({status})"),
        }
    }
}

/// A server's text without what would move a terminal's cursor.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// How long an answer asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date. A date counts from the
/// answer's own `Date`, so that clocks need not agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |text: &str, share: f64| Duration::try_from_secs_f64(text.parse::<f64>().ok()? * share).ok();
    if let Some(wait) = text("retry-after-ms").and_then(|text| seconds(text, 0.001)) {
        return Some(wait);
    }
    let wait = text(RETRY_AFTER.as_str())?;
    seconds(wait, 1.0).or_else(|| {
        let instant = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
        let wait = instant(wait)?.as_millisecond() - instant(text(DATE.as_str())?)?.as_millisecond();
        u64::try_from(wait).ok().map(Duration::from_millis)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Denial {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Denial::read(status, &headers, body.as_bytes(), Some("sk-secret"))
    }

    #[test]
    fn the_servers_words_are_told_without_the_key() {
        let body = r#"{"error":{"message":"Incorrect key:\n\u001b[31msk-secret.","code":"invalid_api_key"}}"#;
        let told = denial(401, &[], body).to_string();
        assert_eq!(told, "Incorrect key:  [31m***. (401 invalid_api_key)");
        for body in ["", "<html>", r#"{"error":{}}"#] {
            assert_eq!(denial(502, &[], body).to_string(), "the server gives no reason (502)");
        }
        assert_eq!(denial(404, &[], r#"{"error":{"message":"No.","code":null}}"#).to_string(), "No. (404)");
    }

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        for (status, headers, passes) in [
            (503, &[][..], true),
            (500, &[("x-should-retry", "false")], false),
            (409, &[("x-should-retry", "true")], true),
            (429, &[], true),
            (408, &[], true),
            (400, &[], false),
            (404, &[], false),
        ] {
            assert_eq!(Failure::Denied(denial(status, headers, "")).is_passing(), passes, "{status}");
        }
    }

    #[test]
    fn a_wait_is_read_in_all_its_spellings() {
        let date = ("date", "Fri, 20 Nov 2026 10:00:00 GMT");
        for (headers, ms) in [
            (&[("retry-after", "2")][..], Some(2_000)),
            (&[("retry-after-ms", "150"), ("retry-after", "2")], Some(150)),
            (&[("retry-after", "Fri, 20 Nov 2026 10:00:30 GMT"), date], Some(30_000)),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "-1")], None),
            (&[], None),
        ] {
            let wait = denial(503, headers, "").retry_after;
            assert_eq!(wait, ms.map(Duration::from_millis), "{headers:?}");
        }
    }
}
