//! `/v1/chat/completions`: echoes the last user message, or calls a tool if asked to.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::text::{self, Message, Text};
use super::{Run, Tokens, Usage};
use crate::refusal::Refusal;

/// Choices that one request may ask for.
const MAX_CHOICES: u32 = 128;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    messages: Option<Vec<Message<'a>>>,
    #[serde(default)]
    n: Option<u32>,
    #[serde(borrow, default)]
    tools: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow)]
    function: Option<Named<'a>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

/// What the model says to a request, before it takes a wire shape.
pub(super) struct Reply<'a> {
    /// The request's model.
    pub(super) model: Text<'a>,
    /// Equal choices to give.
    pub(super) choices: u32,
    /// The text, absent where a tool is called.
    pub(super) content: Option<String>,
    /// The call, absent where there is text.
    pub(super) tool_call: Option<ToolCall>,
    /// Tokens in and out.
    pub(super) tokens: Tokens,
}

/// A call of a function.
#[derive(Clone, Serialize)]
pub(super) struct ToolCall {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionCall,
}

#[derive(Clone, Serialize)]
struct FunctionCall {
    name: String,
    arguments: String,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Choice<'a>>,
    usage: Usage,
    service_tier: &'static str,
    system_fingerprint: &'a str,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Answer<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Answer<'a> {
    role: &'static str,
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[&'a ToolCall; 1]>,
    refusal: Option<()>,
    annotations: [(); 0],
}

impl Reply<'_> {
    /// Why the model stopped.
    pub(super) fn finish_reason(&self) -> &'static str {
        if self.tool_call.is_some() { "tool_calls" } else { "stop" }
    }

    fn choice(&self, index: u32) -> Choice<'_> {
        Choice {
            index,
            message: Answer {
                role: "assistant",
                content: self.content.as_deref(),
                tool_calls: self.tool_call.as_ref().map(|call| [call]),
                refusal: None,
                annotations: [],
            },
            logprobs: None,
            finish_reason: self.finish_reason(),
        }
    }
}

/// Decides what to say to the request in `body`.
pub(super) fn reply<'a>(body: &'a str, run: &Run) -> Result<Reply<'a>, Refusal> {
    let request: Request<'a> = super::parse(body)?;
    super::check_model(&request.model.0)?;
    let Some(messages) = request.messages.filter(|messages| !messages.is_empty()) else {
        return Err(Refusal::missing("messages"));
    };
    let choices = request.n.unwrap_or(1);
    if choices == 0 || choices > MAX_CHOICES {
        return Err(Refusal::invalid("Invalid 'n': must be from 1 to 128.").param("n").code("invalid_value"));
    }
    let user_text = text::last_user_text(&messages);
    let tool_call =
        request.tools.filter(|_| user_text.contains("use tool")).and_then(|tools| call(tools, &user_text, run));
    let content = tool_call.is_none().then(|| format!("echo: {user_text}"));
    let output = Tokens::estimate(user_text.len()) * u64::from(choices);
    let input = Tokens::estimate(text::content_bytes(&messages));
    Ok(Reply { model: request.model, choices, content, tool_call, tokens: Tokens { input, output } })
}

/// A call of the first tool, its argument the user's text.
fn call(tools: &RawValue, user_text: &str, run: &Run) -> Option<ToolCall> {
    let tools: Vec<Tool<'_>> = serde_json::from_str(tools.get()).ok()?;
    let function = tools.into_iter().next()?.function?;
    Some(ToolCall {
        id: run.id("call_"),
        kind: "function",
        function: FunctionCall {
            name: function.name.0.into_owned(),
            arguments: serde_json::json!({ "text": user_text }).to_string(),
        },
    })
}

/// Answers the request in `body`.
pub(super) fn answer(body: &str, run: &Run, out: &mut Vec<u8>) -> Result<Tokens, Refusal> {
    let reply = reply(body, run)?;
    let completion = Completion {
        id: &run.id("chatcmpl-"),
        object: "chat.completion",
        created: run.created,
        model: &reply.model.0,
        choices: (0..reply.choices).map(|index| reply.choice(index)).collect(),
        usage: Usage::generation(reply.tokens),
        service_tier: "default",
        system_fingerprint: &run.fingerprint(),
    };
    super::write_json(out, &completion)?;
    Ok(reply.tokens)
}

/// The last user message's text.
pub(super) fn prompt_text(body: &str) -> String {
    let messages = serde_json::from_str::<Request<'_>>(body).ok().and_then(|request| request.messages);
    messages.map_or_else(String::new, |messages| text::last_user_text(&messages).into_owned())
}
