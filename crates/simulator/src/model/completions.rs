//! `/v1/completions`: echoes each prompt.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::chat_stream::{Chunks, wants_usage};
use super::text::{self, Text};
use super::{Run, Tokens, Usage};
use crate::refusal::Refusal;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    prompt: Option<&'a RawValue>,
    #[serde(default)]
    n: Option<u32>,
}

struct Reply<'a> {
    model: Text<'a>,
    texts: Vec<String>,
    tokens: Tokens,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    usage: Usage,
    system_fingerprint: &'a str,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: usize,
    text: &'a str,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

fn reply(body: &str) -> Result<Reply<'_>, Refusal> {
    let request: Request<'_> = super::parse(body)?;
    super::check_model(&request.model.0)?;
    let prompt = request.prompt.ok_or_else(|| Refusal::missing("prompt"))?;
    let copies = usize::try_from(request.n.unwrap_or(1).clamp(1, 128)).unwrap_or(1);
    let mut texts = Vec::new();
    for input in text::inputs(prompt) {
        let echo = format!("echo: {}", text::input_text(input));
        texts.extend(std::iter::repeat_n(echo, copies));
    }
    let tokens = Tokens {
        input: Tokens::estimate(prompt.get().len()),
        output: Tokens::estimate(texts.iter().map(String::len).sum()),
    };
    Ok(Reply { model: request.model, texts, tokens })
}

/// Answers the request in `body`.
pub(super) fn answer(body: &str, run: &Run, out: &mut Vec<u8>) -> Result<Tokens, Refusal> {
    let reply = reply(body)?;
    let choice = |(index, text)| Choice { index, text, logprobs: None, finish_reason: "stop" };
    let completion = Completion {
        id: &run.id("cmpl-"),
        object: "text_completion",
        created: run.created,
        model: &reply.model.0,
        choices: reply.texts.iter().map(String::as_str).enumerate().map(choice).collect(),
        usage: Usage::generation(reply.tokens),
        system_fingerprint: &run.fingerprint(),
    };
    super::write_json(out, &completion)?;
    Ok(reply.tokens)
}

/// The events that answer the request in `body`.
pub(super) fn events(body: &str, run: &Run) -> Result<Vec<Bytes>, Refusal> {
    let reply = reply(body)?;
    let chunks =
        Chunks { id: run.id("cmpl-"), object: "text_completion", model: &reply.model.0, run, usage: wants_usage(body) };
    let mut events = Vec::new();
    for (index, text) in reply.texts.iter().enumerate() {
        for word in text.split_inclusive(' ') {
            events
                .push(chunks.piece(json!({ "index": index, "text": word, "logprobs": null, "finish_reason": null }))?);
        }
        events.push(chunks.piece(json!({ "index": index, "text": "", "logprobs": null, "finish_reason": "stop" }))?);
    }
    chunks.close(Usage::generation(reply.tokens), &mut events)?;
    Ok(events)
}
