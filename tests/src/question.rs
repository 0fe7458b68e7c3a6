//! What callers ask, and what the simulated model says to it.

use serde_json::{Value, json};

/// A chat completion that asks `text`.
pub fn chat(text: &str) -> Value {
    json!({"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": text}]})
}

/// An embedding of `text`.
pub fn embeddings(text: &str) -> Value {
    json!({"model": "text-embedding-3-small", "input": text})
}

/// A chat completion that nobody needs the answer of.
pub fn hello() -> Value {
    chat("hello")
}

/// The question that an answer of `/v1/chat/completions` echoes.
pub fn echoed(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let text = answer.pointer("/choices/0/message/content")?.as_str()?;
    text.strip_prefix("echo: ").map(str::to_owned)
}
