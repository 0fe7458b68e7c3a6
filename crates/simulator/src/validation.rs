//! Checking a batch's input, line by line, before any of it runs.

pub(crate) mod fault;

use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::fault::{Fault, MISMATCHED_MODEL, whole};
use crate::endpoint::Endpoint;
use crate::wire::BatchError;

/// Errors that one batch reports at most.
const MAX_ERRORS: usize = 1_000;

/// A sound input.
pub(crate) struct Input {
    /// The file.
    pub(crate) content: Bytes,
    /// Where the parts of each line lie in it.
    pub(crate) lines: Vec<Line>,
    /// The model of all lines.
    pub(crate) model: Option<String>,
}

/// Where a line's parts lie, as JSON.
pub(crate) struct Line {
    /// The custom id, with its quotes.
    pub(crate) custom_id: Range<usize>,
    /// The request's body.
    pub(crate) body: Range<usize>,
}

#[derive(Deserialize)]
struct WireLine<'a> {
    #[serde(borrow)]
    custom_id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireBody<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

struct Check<'a> {
    content: &'a [u8],
    endpoint: Endpoint,
    url: String,
    custom_ids: HashSet<&'a str>,
    model: Option<&'a str>,
    lines: Vec<Line>,
}

/// Checks a whole file; the errors name their lines in order.
pub(crate) fn check(content: Bytes, endpoint: Endpoint, max_lines: usize) -> Result<Input, Vec<BatchError>> {
    let mut check = Check {
        content: &content,
        endpoint,
        url: format!("\"{}\"", endpoint.path()),
        custom_ids: HashSet::new(),
        model: None,
        lines: Vec::new(),
    };
    let mut errors = Vec::new();
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', &content).chain([content.len()]);
    for (index, end) in ends.enumerate() {
        let line = &content[start..end];
        start = end + 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        if let Err(fault) = check.line(line) {
            errors.push(fault.on(index + 1));
        }
        if errors.len() == MAX_ERRORS {
            return Err(errors);
        }
    }
    if errors.is_empty() && check.lines.is_empty() {
        errors.push(whole(
            "empty_file",
            None,
            "The batch input file is empty. Please ensure it has at least one request.",
        ));
    }
    if check.lines.len() > max_lines {
        let message = format!("The batch input file contains too many requests. The limit is {max_lines}.");
        errors.push(whole("too_many_requests", None, &message));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let model = check.model.and_then(|model| serde_json::from_str(model).ok());
    let lines = check.lines;
    Ok(Input { content, lines, model })
}

impl<'a> Check<'a> {
    fn line(&mut self, line: &'a [u8]) -> Result<(), Fault> {
        let parsed = serde_json::from_slice::<WireLine<'a>>(line).ok();
        let Some(parsed) = parsed.filter(|_| line.trim_ascii_start().starts_with(b"{")) else {
            return Err(Fault::new("invalid_json_line", None, "This line is not parseable as valid JSON."));
        };
        let custom_id = parsed.custom_id.ok_or_else(|| Fault::missing("custom_id"))?.get();
        let method = parsed.method.ok_or_else(|| Fault::missing("method"))?.get();
        let url = parsed.url.ok_or_else(|| Fault::missing("url"))?.get();
        let body = parsed.body.ok_or_else(|| Fault::missing("body"))?.get();
        if !custom_id.starts_with('"') {
            return Err(Fault::new(
                "invalid_type",
                Some("custom_id"),
                "Invalid type for 'custom_id': expected a string.",
            ));
        }
        if method != "\"POST\"" {
            return Err(Fault::new("invalid_value", Some("method"), "Invalid value for 'method': must be POST."));
        }
        if url != self.url {
            let message = "The URL provided for this request does not match the batch endpoint.";
            return Err(Fault::new("invalid_url", Some("url"), message));
        }
        if !self.custom_ids.insert(custom_id) {
            let message = format!("The custom_id {custom_id} is used by another line of this batch.");
            return Err(Fault::new("duplicate_custom_id", Some("custom_id"), message));
        }
        self.body(body)?;
        self.lines.push(Line { custom_id: self.place(custom_id), body: self.place(body) });
        Ok(())
    }

    fn body(&mut self, body: &'a str) -> Result<(), Fault> {
        let parsed = serde_json::from_str::<WireBody<'a>>(body).ok();
        let Some(parsed) = parsed.filter(|_| body.starts_with('{')) else {
            return Err(Fault::new("invalid_request", Some("body"), "The body must be a JSON object."));
        };
        if parsed.stream.is_some_and(|stream| stream.get() == "true") {
            let message = format!("{}: Streaming is not supported in the Batch API.", self.endpoint.title());
            return Err(Fault::new("streaming_unsupported", Some("body.stream"), message));
        }
        let prompt = match self.endpoint {
            Endpoint::Chat => parsed.messages,
            Endpoint::Completions | Endpoint::ImageGenerations | Endpoint::ImageEdits => parsed.prompt,
            Endpoint::Embeddings | Endpoint::Responses | Endpoint::Moderations => parsed.input,
        };
        if let Some(model) = parsed.model {
            self.model(model.get())?;
        } else if !self.endpoint.model_optional() {
            return Err(Fault::new("invalid_request", Some("body.model"), "Model parameter is required."));
        }
        if prompt.is_none() {
            let field = self.endpoint.prompt_field();
            let message = format!("{}{} parameter is required.", field[..1].to_uppercase(), &field[1..]);
            return Err(Fault::new("invalid_request", Some(&format!("body.{field}")), message));
        }
        Ok(())
    }

    fn model(&mut self, model: &'a str) -> Result<(), Fault> {
        if model.starts_with("\"missing-") {
            let name = model.trim_matches('"');
            let message = format!("The provided model '{name}' is not supported by the Batch API.");
            return Err(Fault::new("model_not_found", Some("body.model"), message));
        }
        let first = *self.model.get_or_insert(model);
        if model != first {
            let message = format!("The provided model {model} does not match {first}, the model of the lines before.");
            return Err(Fault::new(MISMATCHED_MODEL, Some("body.model"), message));
        }
        Ok(())
    }

    /// Where `part`, which is part of the content, lies in it.
    fn place(&self, part: &str) -> Range<usize> {
        let start = part.as_ptr().addr() - self.content.as_ptr().addr();
        start..start + part.len()
    }
}
