//! The lines of an uploaded file, checked as a provider checks them.

use std::collections::BTreeSet;

use offpeak_core::endpoint::Endpoint;
use offpeak_core::submission::{Limits, Refusal};
use serde::Deserialize;
use serde_json::Value;

/// A request line that may run.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) custom_id: String,
    /// The body's `q`, for its echo.
    pub(super) question: Value,
    /// Bytes of the body, from which tokens are counted.
    pub(super) body_bytes: u64,
}

#[derive(Deserialize)]
struct Wire {
    custom_id: String,
    method: String,
    url: String,
    body: Value,
}

/// A batch's definite no: 400, and not passing, as validation answers.
pub(super) fn refusal(code: &str, message: &str) -> Refusal {
    Refusal { status: 400, code: code.to_owned(), message: message.to_owned(), passing: false, lines: Vec::new() }
}

/// Every line of the file, or why none of them may run.
pub(super) fn check(file: &[u8], endpoint: Endpoint, limits: &Limits) -> Result<Vec<Request>, Refusal> {
    let lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return Err(refusal("empty_file", "The file has no lines."));
    }
    if lines.len() as u64 > limits.requests || file.len() as u64 > limits.bytes {
        return Err(refusal("too_large", "The file holds more than one batch may."));
    }
    let mut requests = Vec::with_capacity(lines.len());
    let mut seen = BTreeSet::new();
    for (number, line) in (1..).zip(lines) {
        let request = parse(line, endpoint, &mut seen).map_err(|refusal| Refusal { lines: vec![number], ..refusal })?;
        requests.push(request);
    }
    Ok(requests)
}

fn parse(line: &[u8], endpoint: Endpoint, seen: &mut BTreeSet<String>) -> Result<Request, Refusal> {
    let wire: Wire = serde_json::from_slice(line)
        .map_err(|_| refusal("invalid_json_line", "This line is not parseable as valid JSON."))?;
    if wire.method != "POST" || wire.url != endpoint.path() {
        let message = "The URL provided for this request does not match the batch endpoint.";
        return Err(refusal("invalid_url", message));
    }
    if !seen.insert(wire.custom_id.clone()) {
        return Err(refusal("duplicate_custom_id", "The custom_id of this line is taken."));
    }
    let question = wire.body.get("q").cloned().unwrap_or_default();
    Ok(Request { custom_id: wire.custom_id, question, body_bytes: line.len() as u64 })
}
