//! Chat completions as a stream of chunks.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::chat::{self, Reply};
use super::{Run, Usage};
use crate::refusal::Refusal;

#[derive(Default, Deserialize)]
struct StreamRequest {
    #[serde(default)]
    stream_options: Option<StreamOptions>,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// Whether the request in `body` asks for a last chunk with the usage.
pub(super) fn wants_usage(body: &str) -> bool {
    let request: StreamRequest = serde_json::from_str(body).unwrap_or_default();
    request.stream_options.and_then(|options| options.include_usage).unwrap_or(false)
}

/// What all chunks of an answer share.
pub(super) struct Chunks<'a> {
    /// Id of the answer.
    pub(super) id: String,
    /// Object name of a chunk.
    pub(super) object: &'static str,
    /// The request's model.
    pub(super) model: &'a str,
    /// The execution.
    pub(super) run: &'a Run,
    /// Whether the chunks carry a `usage` key.
    pub(super) usage: bool,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    service_tier: &'static str,
    system_fingerprint: String,
    choices: &'a [Value],
    #[serde(skip_serializing_if = "UsageKey::is_absent")]
    usage: UsageKey,
}

/// The `usage` of a chunk: a key only where the caller asked for it, and a value only at the end.
#[derive(Serialize)]
#[serde(untagged)]
enum UsageKey {
    Absent,
    Null,
    Given(Usage),
}

impl UsageKey {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl Chunks<'_> {
    /// The event of one choice's piece.
    pub(super) fn piece(&self, choice: Value) -> Result<Bytes, Refusal> {
        self.chunk(&[choice], if self.usage { UsageKey::Null } else { UsageKey::Absent })
    }

    /// The last event before the end: the usage, if asked for.
    pub(super) fn close(&self, usage: Usage, events: &mut Vec<Bytes>) -> Result<(), Refusal> {
        if self.usage {
            events.push(self.chunk(&[], UsageKey::Given(usage))?);
        }
        events.push(super::done());
        Ok(())
    }

    fn chunk(&self, choices: &[Value], usage: UsageKey) -> Result<Bytes, Refusal> {
        super::event(&Chunk {
            id: &self.id,
            object: self.object,
            created: self.run.created,
            model: self.model,
            service_tier: "default",
            system_fingerprint: self.run.fingerprint(),
            choices,
            usage,
        })
    }
}

/// The events that answer the request in `body`.
pub(super) fn events(body: &str, run: &Run) -> Result<Vec<Bytes>, Refusal> {
    let reply = chat::reply(body, run)?;
    let chunks = Chunks {
        id: run.id("chatcmpl-"),
        object: "chat.completion.chunk",
        model: &reply.model.0,
        run,
        usage: wants_usage(body),
    };
    let mut events = Vec::new();
    for index in 0..reply.choices {
        for delta in deltas(&reply) {
            events.push(chunks.piece(choice(index, &delta, None))?);
        }
        events.push(chunks.piece(choice(index, &json!({}), Some(reply.finish_reason())))?);
    }
    chunks.close(Usage::generation(reply.tokens), &mut events)?;
    Ok(events)
}

/// The pieces of a message: its role, then the text word by word or the tool call.
fn deltas(reply: &Reply<'_>) -> Vec<Value> {
    if let Some(call) = &reply.tool_call {
        let mut call = json!(call);
        call["index"] = json!(0);
        return vec![json!({ "role": "assistant", "content": null, "tool_calls": [call], "refusal": null })];
    }
    let mut deltas = vec![json!({ "role": "assistant", "content": "", "refusal": null })];
    let words = reply.content.as_deref().unwrap_or_default().split_inclusive(' ');
    deltas.extend(words.map(|word| json!({ "content": word })));
    deltas
}

fn choice(index: u32, delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({ "index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason })
}
