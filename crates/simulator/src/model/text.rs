//! Finding the text in the shapes that prompts come in.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A JSON string, borrowed where it has no escapes.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// A part of a content array, or an item of an input array.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
}

/// A message of a conversation, in chat completions and responses alike.
#[derive(Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(borrow, default)]
    role: Text<'a>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

/// The text of a content: a string, or the text parts of an array joined.
pub(crate) fn content_text(content: &RawValue) -> Cow<'_, str> {
    let json = content.get();
    if json.starts_with('"') {
        return string(json);
    }
    if !json.starts_with('[') {
        return Cow::Borrowed("");
    }
    let parts: Vec<Part<'_>> = serde_json::from_str(json).unwrap_or_default();
    let texts: Vec<&str> = parts.iter().filter_map(|part| part.text.as_ref()).map(|text| &*text.0).collect();
    Cow::Owned(texts.concat())
}

/// The text of a JSON string; empty if it is none.
pub(crate) fn string(json: &str) -> Cow<'_, str> {
    serde_json::from_str::<Text<'_>>(json).unwrap_or_default().0
}

/// The text of the last message that a user wrote.
pub(crate) fn last_user_text<'a>(messages: &[Message<'a>]) -> Cow<'a, str> {
    let last = messages.iter().rev().find(|message| message.role.0 == "user");
    last.and_then(|message| message.content).map_or(Cow::Borrowed(""), content_text)
}

/// Bytes of all contents together.
pub(crate) fn content_bytes(messages: &[Message<'_>]) -> usize {
    messages.iter().filter_map(|message| message.content).map(|content| content.get().len()).sum()
}

/// The inputs of a prompt that is a string, an array of tokens, or an array of strings, token arrays or parts.
pub(crate) fn inputs(prompt: &RawValue) -> Vec<&RawValue> {
    if !prompt.get().starts_with('[') {
        return vec![prompt];
    }
    let items: Vec<&RawValue> = serde_json::from_str(prompt.get()).unwrap_or_default();
    match items.first() {
        Some(first) if first.get().starts_with(['"', '[', '{']) => items,
        Some(_) => vec![prompt],
        None => items,
    }
}

/// The text of one such input: the string, the part's text, or the tokens as they stand.
pub(crate) fn input_text(input: &RawValue) -> Cow<'_, str> {
    let json = input.get();
    if json.starts_with('"') {
        return string(json);
    }
    if json.starts_with('{') {
        let part = serde_json::from_str(json).unwrap_or(Part { text: None });
        return part.text.unwrap_or_default().0;
    }
    Cow::Borrowed(json)
}

/// The first input's text in the field `name` (`prompt` or `input`) of a request body.
pub(crate) fn field_text(body: &str, name: &str) -> String {
    #[derive(Default, Deserialize)]
    struct Prompted<'a> {
        #[serde(borrow, default)]
        prompt: Option<&'a RawValue>,
        #[serde(borrow, default)]
        input: Option<&'a RawValue>,
    }
    let prompted: Prompted<'_> = serde_json::from_str(body).unwrap_or_default();
    let field = if name == "prompt" { prompted.prompt } else { prompted.input };
    let Some(field) = field else { return String::new() };
    inputs(field).first().map_or_else(String::new, |first| input_text(first).into_owned())
}
