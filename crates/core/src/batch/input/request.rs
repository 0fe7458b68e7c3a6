//! One line of an input, as a request.

use bytes::{BufMut, Bytes, BytesMut};

use super::errors::{self, Fault};
use crate::batch::line_id;
use crate::body::{Peek, checked_entries, peek_within, upstream};
use crate::endpoint::Endpoint;
use crate::ids::JobId;
use crate::submission::Size;

/// A line that may run.
#[derive(Debug, Clone)]
pub struct Request {
    /// What it is called in a manifest.
    pub id: JobId,
    /// The caller's `custom_id`, quoted and spelled as it came.
    pub custom_id: Bytes,
    /// The body as it came.
    pub body: Bytes,
    /// What the body says.
    pub peek: Peek,
}

/// Reads a line of a batch that goes to `endpoint`.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(endpoint: Endpoint, line: &Bytes) -> Result<Request, Fault> {
    let text = std::str::from_utf8(line).map_err(|_| errors::not_json())?;
    let entries = checked_entries(text).map_err(|_| errors::not_json())?;
    let field = |name: &'static str| {
        let mut found = entries.iter().filter(|entry| entry.key == name);
        let first = found.next().map(|entry| (entry.value, entry.end));
        match (first, found.next()) {
            (Some(_), Some(_)) => Err(errors::twice(name)),
            (Some((start, end)), None) if &text[start..end] != "null" => Ok((start, end)),
            (Some(_) | None, None) | (None, Some(_)) => Err(errors::missing(name)),
        }
    };
    let string = |name: &'static str| {
        let (start, end) = field(name)?;
        let value: String = serde_json::from_str(&text[start..end])
            .map_err(|_| errors::wrong_type(name, "a string", &text[start..end]))?;
        Ok::<_, Fault>((start, end, value))
    };
    let (start, end, custom_id) = string("custom_id")?;
    if custom_id.is_empty() {
        return Err(errors::missing("custom_id"));
    }
    let (_, _, method) = string("method")?;
    if method != "POST" {
        return Err(errors::wrong_method());
    }
    let (_, _, url) = string("url")?;
    if url != endpoint.path() {
        return Err(errors::wrong_url());
    }
    let (body_start, body_end) = field("body")?;
    let body = &text[body_start..body_end];
    if !body.starts_with('{') {
        return Err(errors::wrong_type("body", "an object", body));
    }
    let peek = peek_within(endpoint, body).map_err(|refused| errors::refused(endpoint, &refused))?;
    if peek.stream {
        return Err(errors::streaming(endpoint));
    }
    Ok(Request {
        id: line_id(&custom_id),
        custom_id: line.slice(start..end),
        body: line.slice(body_start..body_end),
        peek,
    })
}

impl Request {
    /// Appends the line as it goes upstream, its model renamed if a name is given; returns what it adds to a submission.
    pub fn write(&self, out: &mut BytesMut, endpoint: Endpoint, model: Option<&str>) -> Size {
        let before = out.len();
        let body = upstream(&self.body, &self.peek, model);
        out.put_slice(br#"{"custom_id":"#);
        out.put_slice(&self.custom_id);
        out.put_slice(br#","method":"POST","url":""#);
        out.put_slice(endpoint.path().as_bytes());
        out.put_slice(br#"","body":"#);
        out.put_slice(&body);
        out.put_slice(b"}\n");
        Size { bytes: (out.len() - before) as u64, ..self.peek.size(endpoint, body.len()) }
    }
}
