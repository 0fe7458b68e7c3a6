//! `/v1/responses`: echoes the input, or its last user message.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::text::{self, Message, Text};
use super::{Run, Tokens};
use crate::refusal::Refusal;
use crate::wire::BatchUsage;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    instructions: Option<&'a RawValue>,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
    #[serde(default)]
    background: Option<bool>,
}

/// What the model says to a request, in the wire's shape.
#[derive(Serialize)]
pub(super) struct Response<'a> {
    id: String,
    object: &'static str,
    created_at: u64,
    /// `completed`, or `in_progress` while it streams.
    pub(super) status: &'static str,
    background: bool,
    completed_at: Option<u64>,
    error: Option<()>,
    incomplete_details: Option<()>,
    instructions: Option<&'a RawValue>,
    max_output_tokens: Option<u64>,
    model: Text<'a>,
    /// The messages: one, or none yet.
    pub(super) output: Vec<Item>,
    parallel_tool_calls: bool,
    previous_response_id: Option<()>,
    service_tier: &'static str,
    store: bool,
    system_fingerprint: String,
    temperature: f64,
    tool_choice: &'static str,
    tools: [(); 0],
    top_p: f64,
    truncation: &'static str,
    /// The tokens, once it is completed.
    pub(super) usage: Option<BatchUsage>,
    metadata: Option<&'a RawValue>,
}

/// The message that the answer consists of.
#[derive(Clone, Serialize)]
pub(super) struct Item {
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its id.
    pub(super) id: String,
    /// `completed`, or `in_progress` while it streams.
    pub(super) status: &'static str,
    role: &'static str,
    /// The text: one part, or none yet.
    pub(super) content: Vec<Part>,
}

/// The text of the answer.
#[derive(Clone, Serialize)]
pub(super) struct Part {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The text itself.
    pub(super) text: String,
    annotations: [(); 0],
    logprobs: [(); 0],
}

/// Answers the request in `body`.
pub(super) fn answer(body: &str, run: &Run, out: &mut Vec<u8>) -> Result<Tokens, Refusal> {
    let (response, tokens) = reply(body, run)?;
    super::write_json(out, &response)?;
    Ok(tokens)
}

/// Decides what to say to the request in `body`.
pub(super) fn reply<'a>(body: &'a str, run: &Run) -> Result<(Response<'a>, Tokens), Refusal> {
    let request: Request<'a> = super::parse(body)?;
    super::check_model(&request.model.0)?;
    let input = request.input.ok_or_else(|| Refusal::missing("input"))?;
    let text = input_text(input);
    let tokens = Tokens { input: Tokens::estimate(input.get().len()), output: Tokens::estimate(text.len()) };
    Ok((completed(request, &text, tokens, run), tokens))
}

fn completed<'a>(request: Request<'a>, text: &str, tokens: Tokens, run: &Run) -> Response<'a> {
    Response {
        id: run.id("resp_"),
        object: "response",
        created_at: run.created,
        status: "completed",
        background: request.background.unwrap_or(false),
        completed_at: Some(run.created),
        error: None,
        incomplete_details: None,
        instructions: request.instructions,
        max_output_tokens: None,
        model: request.model,
        output: vec![message(text, run)],
        parallel_tool_calls: true,
        previous_response_id: None,
        service_tier: "default",
        store: true,
        system_fingerprint: run.fingerprint(),
        temperature: 1.0,
        tool_choice: "auto",
        tools: [],
        top_p: 1.0,
        truncation: "disabled",
        usage: Some(BatchUsage::new(tokens.input, tokens.output)),
        metadata: request.metadata,
    }
}

fn message(text: &str, run: &Run) -> Item {
    let part = Part { kind: "output_text", text: format!("echo: {text}"), annotations: [], logprobs: [] };
    Item { kind: "message", id: run.id("msg_"), status: "completed", role: "assistant", content: vec![part] }
}

/// The text of an input: the string itself, or the last user message among the items.
fn input_text(input: &RawValue) -> Cow<'_, str> {
    if input.get().starts_with('[') {
        let messages: Vec<Message<'_>> = serde_json::from_str(input.get()).unwrap_or_default();
        return text::last_user_text(&messages);
    }
    text::string(input.get())
}

/// The text that the answer would echo.
pub(super) fn prompt_text(body: &str) -> String {
    let input = serde_json::from_str::<Request<'_>>(body).ok().and_then(|request| request.input);
    input.map_or_else(String::new, |input| input_text(input).into_owned())
}
