//! The few fields of a request that Offpeak looks at.

use serde_json::value::RawValue;

use super::FLEX;
use super::scan::{Entry, Fault, checked_entries, entries_within};
use crate::endpoint::Endpoint;
use crate::submission::Size;
use crate::submission::line;

/// What a look at a request's body found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// The model as the caller names it.
    pub model: String,
    /// Whether the caller wants a stream.
    pub stream: bool,
    /// Whether the stream is to end with a usage chunk.
    pub include_usage: bool,
    /// Whether the caller fetches the answer later, as a background response.
    pub background: bool,
    pub(super) endpoint: Endpoint,
    inputs: u64,
    pub(super) entries: Vec<Entry>,
}

/// Why a body cannot become a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No bytes.
    #[error("the request has no body")]
    Empty,
    /// Not UTF-8.
    #[error("the request body is not valid UTF-8")]
    NotUtf8,
    /// Not JSON.
    #[error("the request body is not valid JSON (line {line}, column {column})")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// JSON, but no object.
    #[error("the request body must be a JSON object")]
    NotObject,
    /// Nested deeper than [`super::MAX_DEPTH`].
    #[error("the request body is nested too deeply")]
    TooDeep,
    /// More fields than [`super::MAX_FIELDS`].
    #[error("the request body has too many fields")]
    TooMany,
    /// A field that Offpeak reads stands twice.
    #[error("the field '{0}' stands twice")]
    Twice(&'static str),
    /// A field is missing.
    #[error("Missing required parameter: '{0}'.")]
    Missing(&'static str),
    /// A field has the wrong type or is out of range.
    #[error("Invalid value for '{field}': expected {expected}.")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

impl Refused {
    /// The field at fault, for the error's `param`.
    pub const fn param(&self) -> Option<&'static str> {
        match self {
            Self::Twice(field) | Self::Missing(field) | Self::Invalid { field, .. } => Some(field),
            Self::Empty | Self::NotUtf8 | Self::NotJson { .. } | Self::NotObject | Self::TooDeep | Self::TooMany => {
                None
            }
        }
    }
}

/// Looks at a body.
///
/// # Errors
/// [`Refused`]: it cannot become a job.
pub fn peek(endpoint: Endpoint, body: &[u8]) -> Result<Peek, Refused> {
    if body.is_empty() {
        return Err(Refused::Empty);
    }
    let text = std::str::from_utf8(body).map_err(|_| Refused::NotUtf8)?;
    look(endpoint, text, checked_entries(text).map_err(|fault| refused(&fault))?)
}

/// The same for a body that is known to be valid JSON, because it is a value within some.
///
/// # Errors
/// [`Refused`]: it cannot become a job.
pub(crate) fn peek_within(endpoint: Endpoint, text: &str) -> Result<Peek, Refused> {
    look(endpoint, text, entries_within(text).map_err(|fault| refused(&fault))?)
}

fn refused(fault: &Fault) -> Refused {
    match fault {
        Fault::Syntax { line, column } => Refused::NotJson { line: *line, column: *column },
        Fault::NotObject => Refused::NotObject,
        Fault::TooDeep => Refused::TooDeep,
        Fault::TooMany => Refused::TooMany,
    }
}

fn look(endpoint: Endpoint, text: &str, entries: Vec<Entry>) -> Result<Peek, Refused> {
    let fields = Fields { text, entries: &entries };
    let required = endpoint.required_field();
    let model = model(&fields)?;
    if fields.value(required)?.is_none_or(|value| value == "null") && !optional_input(endpoint, &fields)? {
        return Err(Refused::Missing(required));
    }
    if let Some(n) = fields.value("n")?.filter(|n| *n != "null")
        && !n.parse::<u32>().is_ok_and(|n| (1..=128).contains(&n))
    {
        return Err(Refused::Invalid { field: "n", expected: "an integer from 1 to 128" });
    }
    let inputs = if endpoint == Endpoint::Embeddings { inputs(fields.value(required)?.unwrap_or_default()) } else { 0 };
    Ok(Peek {
        model,
        stream: fields.flag("stream")?,
        include_usage: fields.value("stream_options")?.is_some_and(wants_usage),
        background: background(endpoint, &fields)?,
        endpoint,
        inputs,
        entries,
    })
}

impl Peek {
    /// The raw JSON of a field of the body that was looked at.
    pub fn raw<'a>(&self, body: &'a [u8], name: &str) -> Option<&'a str> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        std::str::from_utf8(body.get(entry.value..entry.end)?).ok()
    }

    /// What a body of this many bytes adds to a submission.
    pub fn size(&self, endpoint: Endpoint, body_bytes: usize) -> Size {
        let body_bytes = body_bytes as u64;
        Size {
            requests: 1,
            bytes: body_bytes + (line::FRAME + endpoint.path().len()) as u64,
            // Four bytes a token is the usual estimate for English text; limits that count tokens leave headroom.
            tokens: body_bytes.div_ceil(4),
            inputs: self.inputs,
        }
    }
}

fn model(fields: &Fields<'_>) -> Result<String, Refused> {
    let raw = fields.value("model")?.ok_or(Refused::Missing("model"))?;
    let model: String =
        serde_json::from_str(raw).map_err(|_| Refused::Invalid { field: "model", expected: "a string" })?;
    if model.is_empty() || model.len() > 256 {
        return Err(Refused::Invalid { field: "model", expected: "1 to 256 bytes" });
    }
    Ok(model)
}

/// The Responses API takes a stored prompt or an earlier response in place of `input`.
fn optional_input(endpoint: Endpoint, fields: &Fields<'_>) -> Result<bool, Refused> {
    Ok(endpoint == Endpoint::Responses
        && (fields.value("prompt")?.is_some() || fields.value("previous_response_id")?.is_some()))
}

/// Whether a response is fetched later. The tier `flex` consents to that, unless the request wants it otherwise.
fn background(endpoint: Endpoint, fields: &Fields<'_>) -> Result<bool, Refused> {
    let wanted = fields.flag("background")?;
    if endpoint != Endpoint::Responses {
        return Ok(false);
    }
    let stateless = fields.value("store")? == Some("false");
    let unsaid = fields.value("background")?.is_none_or(|value| value == "null");
    let flex = fields.value("service_tier")? == Some(FLEX);
    Ok(wanted || unsaid && flex && !stateless && !fields.flag("stream")?)
}

/// How many embeddings an `input` asks for: a string or one list of tokens is one.
fn inputs(raw: &str) -> u64 {
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw) else { return 1 };
    let single = items.first().is_none_or(|first| first.get().starts_with(|c: char| c.is_ascii_digit()));
    if single { 1 } else { items.len() as u64 }
}

fn wants_usage(raw: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Options {
        #[serde(default)]
        include_usage: bool,
    }
    serde_json::from_str::<Options>(raw).is_ok_and(|options| options.include_usage)
}

struct Fields<'a> {
    text: &'a str,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// The raw value of a field. A field that stands twice means two things to two readers, so it is refused.
    fn value(&self, name: &'static str) -> Result<Option<&'a str>, Refused> {
        let mut found = self.entries.iter().filter(|entry| entry.key == name);
        let first = found.next().map(|entry| &self.text[entry.value..entry.end]);
        if found.next().is_some() { Err(Refused::Twice(name)) } else { Ok(first) }
    }

    fn flag(&self, name: &'static str) -> Result<bool, Refused> {
        match self.value(name)? {
            None | Some("null" | "false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refused::Invalid { field: name, expected: "a boolean" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(body: &str) -> Result<Peek, Refused> {
        peek(Endpoint::ChatCompletions, body.as_bytes())
    }

    #[test]
    fn what_cannot_become_a_job_is_refused_by_name() {
        for (body, want) in [
            ("", Refused::Empty),
            ("[]", Refused::NotObject),
            ("{}", Refused::Missing("model")),
            (r#"{"model":1}"#, Refused::Invalid { field: "model", expected: "a string" }),
            (r#"{"model":"m"}"#, Refused::Missing("messages")),
            (r#"{"model":"m","model":"n","messages":[]}"#, Refused::Twice("model")),
            (r#"{"model":"m","mod\u0065l":"n","messages":[]}"#, Refused::Twice("model")),
            (
                r#"{"model":"m","messages":[],"n":0}"#,
                Refused::Invalid { field: "n", expected: "an integer from 1 to 128" },
            ),
            (r#"{"model":"m","messages":[],"stream":1}"#, Refused::Invalid { field: "stream", expected: "a boolean" }),
        ] {
            assert_eq!(chat(body), Err(want), "{body}");
        }
        assert!(matches!(chat("{"), Err(Refused::NotJson { line: 1, .. })));
        assert_eq!(peek(Endpoint::Responses, b"{\"model\":\"\xff\"}"), Err(Refused::NotUtf8));
    }

    #[test]
    fn embedding_inputs_are_counted() {
        for (input, want) in [("\"a\"", 1), ("[\"a\",\"b\"]", 2), ("[1,2,3]", 1), ("[[1,2],[3],[4]]", 3), ("[]", 1)] {
            let body = format!(r#"{{"model":"m","input":{input}}}"#);
            assert_eq!(peek(Endpoint::Embeddings, body.as_bytes()).unwrap().inputs, want, "{input}");
        }
    }

    #[test]
    fn streaming_wishes_are_read() {
        let peek =
            chat(r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#).unwrap();
        assert!(peek.stream && peek.include_usage && !peek.background);
    }

    #[test]
    fn a_response_is_in_the_background_if_its_caller_says_or_consents() {
        for (fields, want) in [
            (r#""background":true"#, true),
            (r#""background":true,"stream":true"#, true),
            (r#""background":true,"store":false"#, true),
            (r#""background":null"#, false),
            (r#""service_tier":"flex""#, true),
            (r#""service_tier":"flex","background":null"#, true),
            (r#""service_tier":"flex","background":false"#, false),
            (r#""service_tier":"flex","store":false"#, false),
            (r#""service_tier":"flex","stream":true"#, false),
            (r#""service_tier":"auto""#, false),
        ] {
            let body = format!(r#"{{"model":"m","input":"i",{fields}}}"#);
            assert_eq!(peek(Endpoint::Responses, body.as_bytes()).unwrap().background, want, "{fields}");
        }
        assert!(!chat(r#"{"model":"m","messages":[],"background":true,"service_tier":"flex"}"#).unwrap().background);
    }

    #[test]
    fn a_field_is_found_as_it_was_written() {
        let body = br#"{"model":"m", "input" : [1.50 , "a\n"] }"#;
        let peek = peek(Endpoint::Responses, body).unwrap();
        assert_eq!(peek.raw(body, "input"), Some(r#"[1.50 , "a\n"]"#));
        assert_eq!(peek.raw(body, "tools"), None);
    }
}
