//! What the texts of settings may be.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The shortest duration of any setting.
pub(crate) const SHORTEST: Duration = Duration::from_millis(50);

/// One hour.
pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// One day.
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// A duration within a range, such as `90s` or `1h 30m`.
pub(crate) fn duration(text: &str, allowed: RangeInclusive<Duration>) -> Result<Duration, String> {
    let Ok(duration) = humantime::parse_duration(text) else {
        return Err(format!("{text:?} is not a duration; write one such as \"90s\" or \"1h 30m\""));
    };
    if allowed.contains(&duration) {
        return Ok(duration);
    }
    let (from, to) = (humantime::format_duration(*allowed.start()), humantime::format_duration(*allowed.end()));
    Err(format!("{text:?} is out of range; allowed: {from} to {to}"))
}

/// A number of days within a range.
pub(crate) fn days(text: &str, allowed: RangeInclusive<u32>) -> Result<u32, String> {
    let error = || format!("{text:?} is not a number of days; allowed: {} to {}", allowed.start(), allowed.end());
    text.parse().ok().filter(|days| allowed.contains(days)).ok_or_else(error)
}

/// A number within a range.
pub(crate) fn number(number: u64, allowed: &RangeInclusive<u64>) -> Result<u64, String> {
    if allowed.contains(&number) {
        return Ok(number);
    }
    Err(format!("{number} is out of range; allowed: {} to {}", allowed.start(), allowed.end()))
}

/// A socket address.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let error = || format!("{text:?} is not a socket address; write one such as 127.0.0.1:8080 or [::1]:8080");
    text.parse().map_err(|_| error())
}

/// One of a few words.
pub(crate) fn word<T: Copy>(text: &str, allowed: &[(&str, T)]) -> Result<T, String> {
    let found = allowed.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let words: Vec<String> = allowed.iter().map(|(word, _)| format!("{word:?}")).collect();
        format!("{text:?} is unknown; allowed: {}", words.join(", "))
    })
}

/// A name that people chose: letters, digits, `.`, `_` and `-`.
///
/// # Errors
/// What is allowed, for people.
pub fn name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not a name; allowed: 1 to 64 letters, digits, '.', '_' and '-'"))
}

/// The name of a class, which callers write into a header.
pub(crate) fn class_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=32).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not a class name; allowed: 1 to 32 small letters, digits and '-'"))
}

/// The name of an environment variable. The text is not repeated: people paste keys here.
pub(crate) fn variable(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=128).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("not the name of an environment variable; allowed: capital letters, digits and '_' (the key itself \
         belongs into that variable, never here)"
        .to_owned())
}

/// The name of a model.
pub(crate) fn model(text: &str) -> Result<String, String> {
    if (1..=256).contains(&text.len()) && text.chars().all(|c| !c.is_control() && !c.is_whitespace()) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not a model name; allowed: 1 to 256 bytes without spaces"))
}

/// An `http` or `https` address to which paths are appended; a slash at its end is dropped.
pub(crate) fn base_url(text: &str) -> Result<String, String> {
    let allowed = "write one such as https://api.openai.com/v1";
    if text.contains('@') {
        return Err(format!("no user name or password in an address; {allowed}"));
    }
    let error = || format!("{text:?} is not an http or https address; {allowed}");
    let uri: http::Uri = text.parse().map_err(|_| error())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty());
    if !known || uri.query().is_some() || text.contains('#') {
        return Err(error());
    }
    Ok(text.trim_end_matches('/').to_owned())
}
