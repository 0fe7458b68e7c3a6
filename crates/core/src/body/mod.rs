//! Reading as little of a request body as routing needs, and changing as little of it as batching needs.
//!
//! Bodies are bytes: unknown fields, number spelling and key order survive. Only `stream`, `stream_options` and
//! `background` are cut out (a batch line has no use for them), and a response's `service_tier` where it is `flex` (the
//! batch has that price, and no such tier); `model` is replaced where a route renames it, and line breaks become spaces
//! (a line of JSONL has none; valid JSON has them outside strings only).

mod peek;
mod scan;

use bytes::Bytes;
use memchr::memchr2;

use crate::endpoint::Endpoint;

pub(crate) use peek::peek_within;
pub use peek::{Peek, Refused, peek};
use scan::Entry;
pub(crate) use scan::checked_entries;

/// Deepest nesting that is accepted; deeper bodies would break other parsers down the way.
pub const MAX_DEPTH: usize = 128;

/// Most fields of a body, nested ones not counted; each costs memory.
pub const MAX_FIELDS: usize = 1_024;

/// Fields that a batch line must not have.
const CUT: [&str; 3] = ["stream", "stream_options", "background"];

/// The tier that a batch has the price of, as a request says it.
const FLEX: &str = "\"flex\"";

/// The body as it goes upstream: one line, without the fields that are cut, its model renamed if a name is given.
pub fn upstream(body: &Bytes, peek: &Peek, model: Option<&str>) -> Bytes {
    let breaks = memchr2(b'\n', b'\r', body).is_some();
    let flex = |entry: &Entry| {
        peek.endpoint == Endpoint::Responses
            && entry.key == "service_tier"
            && body[entry.value..entry.end] == *FLEX.as_bytes()
    };
    let cut = |entry: &Entry| CUT.contains(&entry.key.as_str()) || flex(entry);
    let cuts = peek.entries.iter().any(cut);
    if !breaks && !cuts && model.is_none() {
        return body.clone();
    }
    let mut out = Vec::with_capacity(body.len() + 64);
    out.extend_from_slice(&body[..peek.entries.first().map_or(body.len(), |first| first.start)]);
    let mut kept: Option<usize> = None;
    for (i, entry) in peek.entries.iter().enumerate() {
        if cut(entry) {
            continue;
        }
        match kept {
            Some(before) if before + 1 == i => out.extend_from_slice(&body[peek.entries[before].end..entry.start]),
            Some(_) => out.push(b','),
            None => {}
        }
        push_entry(&mut out, body, entry, model);
        kept = Some(i);
    }
    if let Some(last) = peek.entries.last() {
        out.extend_from_slice(&body[last.end..]);
    }
    if breaks {
        out.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    }
    out.into()
}

/// The answer with its top-level `model` set to the caller's name for it; as it is where it has none.
pub fn with_model(answer: &Bytes, model: &str) -> Bytes {
    let Some(entries) = scan::entries(answer) else { return answer.clone() };
    let Some(entry) = entries.iter().find(|entry| entry.key == "model") else { return answer.clone() };
    let mut out = Vec::with_capacity(answer.len() + model.len());
    out.extend_from_slice(&answer[..entry.start]);
    push_entry(&mut out, answer, entry, Some(model));
    out.extend_from_slice(&answer[entry.end..]);
    out.into()
}

/// A request's body for a target that knows the model by this name: as it is where it says so already.
pub(crate) fn for_model(body: &Bytes, model: &str) -> Bytes {
    let named = field(body, "model").and_then(|raw| serde_json::from_str::<String>(raw).ok());
    if named.is_none_or(|named| named == model) { body.clone() } else { with_model(body, model) }
}

/// A line of a batch's input, the model of its body set to the caller's name for it; as it is where it has none.
pub(crate) fn with_model_in_body(line: &Bytes, model: &str) -> Bytes {
    let Some(entries) = scan::entries(line) else { return line.clone() };
    let Some(body) = entries.iter().find(|entry| entry.key == "body") else { return line.clone() };
    let renamed = with_model(&line.slice(body.value..body.end), model);
    let mut out = Vec::with_capacity(line.len() + model.len());
    out.extend_from_slice(&line[..body.value]);
    out.extend_from_slice(&renamed);
    out.extend_from_slice(&line[body.end..]);
    out.into()
}

/// The object with these fields set to raw JSON: where they stand, else first. `None` if it is no object.
pub fn with_fields(object: &[u8], fields: &[(&str, &str)]) -> Option<Bytes> {
    let entries = scan::entries(object)?;
    let mut from = object.iter().position(|byte| *byte == b'{')? + 1;
    let mut out = Vec::with_capacity(object.len() + 128);
    out.extend_from_slice(&object[..from]);
    let mut comma = "";
    for (key, raw) in fields.iter().filter(|(key, _)| !entries.iter().any(|entry| entry.key == *key)) {
        out.extend_from_slice(format!("{comma}\"{key}\":{raw}").as_bytes());
        comma = ",";
    }
    if !entries.is_empty() {
        out.extend_from_slice(comma.as_bytes());
    }
    for entry in &entries {
        if let Some((_, raw)) = fields.iter().find(|(key, _)| *key == entry.key) {
            out.extend_from_slice(&object[from..entry.value]);
            out.extend_from_slice(raw.as_bytes());
            from = entry.end;
        }
    }
    out.extend_from_slice(&object[from..]);
    Some(out.into())
}

/// The raw JSON of an object's field.
pub fn field<'a>(object: &'a [u8], name: &str) -> Option<&'a str> {
    let entry = scan::entries(object)?.into_iter().find(|entry| entry.key == name)?;
    std::str::from_utf8(&object[entry.value..entry.end]).ok()
}

/// Whether the bytes are a JSON object, and nothing else.
pub(crate) fn is_object(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| checked_entries(text).is_ok())
}

fn push_entry(out: &mut Vec<u8>, body: &[u8], entry: &Entry, model: Option<&str>) {
    match model {
        Some(model) if entry.key == "model" => {
            out.extend_from_slice(&body[entry.start..entry.value]);
            out.extend_from_slice(serde_json::Value::from(model).to_string().as_bytes());
        }
        _ => out.extend_from_slice(&body[entry.start..entry.end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(body: &str, model: Option<&str>) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let peek = peek(Endpoint::ChatCompletions, &body).unwrap();
        String::from_utf8(upstream(&body, &peek, model).to_vec()).unwrap()
    }

    #[test]
    fn an_ordinary_body_keeps_every_byte() {
        let body = r#" { "z":1e400, "model":"m" , "messages":[{"a":"\ud83d\ude00\n"}],"x":0.10 } "#;
        assert_eq!(sent(body, None), body);
    }

    #[test]
    fn only_what_a_line_cannot_have_is_cut() {
        let tail = r#""messages":[{"stream":true}]"#;
        for (body, want) in [
            (r#"{"stream":true,"model":"m",T}"#, r#"{"model":"m",T}"#),
            (r#"{"model":"m", "stream" : true , T}"#, r#"{"model":"m",T}"#),
            (r#"{"model":"m",T, "stream":true, "stream_options":{"a":[1,{}]} }"#, r#"{"model":"m",T }"#),
            (r#"{"stre\u0061m":false,"model":"m",T}"#, r#"{"model":"m",T}"#),
        ] {
            assert_eq!(sent(&body.replace('T', tail), None), want.replace('T', tail));
        }
    }

    #[test]
    fn flex_is_cut_from_a_response_and_no_other_tier_is() {
        for (body, want) in [
            (r#"{"model":"m","service_tier":"flex","input":"i"}"#, r#"{"model":"m","input":"i"}"#),
            (
                r#"{"model":"m","service_tier":"priority","input":"i"}"#,
                r#"{"model":"m","service_tier":"priority","input":"i"}"#,
            ),
        ] {
            let body = Bytes::copy_from_slice(body.as_bytes());
            let peek = peek(Endpoint::Responses, &body).unwrap();
            assert_eq!(upstream(&body, &peek, None), want);
        }
        let chat = r#"{"model":"m","messages":[],"service_tier":"flex"}"#;
        assert_eq!(sent(chat, None), chat);
    }

    #[test]
    fn fields_are_set_where_they_stand_or_first_and_the_rest_keeps_its_bytes() {
        let set = |object: &str| {
            let set = with_fields(object.as_bytes(), &[("id", "\"ours\""), ("background", "true")])?;
            String::from_utf8(set.to_vec()).ok()
        };
        for (object, want) in [
            (r#" { "id" : "x" ,"a":1e400,"background":false} "#, r#" { "id" : "ours" ,"a":1e400,"background":true} "#),
            (r#"{"a":{"id":"in"},"\u0069d":"x"}"#, r#"{"background":true,"a":{"id":"in"},"\u0069d":"ours"}"#),
            (r#"{"id":1,"id":2}"#, r#"{"background":true,"id":"ours","id":"ours"}"#),
            ("{}", r#"{"id":"ours","background":true}"#),
        ] {
            assert_eq!(set(object).as_deref(), Some(want));
        }
        assert_eq!(set("[]"), None);
        assert_eq!(set("no"), None);
        assert_eq!(field(br#"{"a":{"id":1},"id": "x" }"#, "id"), Some("\"x\""));
    }

    #[test]
    fn a_line_has_no_line_breaks() {
        assert_eq!(
            sent("{\n\"model\":\r\n\"m\",\"messages\":[\n\"a\\nb\"]}", None),
            r#"{ "model":  "m","messages":[ "a\nb"]}"#
        );
    }

    #[test]
    fn a_renamed_model_is_restored_in_the_answer() {
        assert_eq!(sent(r#"{"model" : "m","messages":[]}"#, Some("n\"")), r#"{"model" : "n\"","messages":[]}"#);
        let answer = Bytes::from_static(br#"{"id":"x","model":"up","choices":[{"model":"in"}]}"#);
        assert_eq!(
            with_model(&answer, "m"),
            Bytes::from_static(br#"{"id":"x","model":"m","choices":[{"model":"in"}]}"#)
        );
        let odd = Bytes::from_static(b"not json");
        assert_eq!(with_model(&odd, "m"), odd);
    }
}
