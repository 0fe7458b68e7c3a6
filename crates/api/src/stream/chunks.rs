//! Chat completions and completions as chunks.

use serde_json::{Map, Value, json};

use super::event;

const DONE: &str = "data: [DONE]\n\n";

/// A finished chat completion as `chat.completion.chunk` events.
pub(super) fn chat(answer: &Value, include_usage: bool) -> String {
    let mut out = String::new();
    for choice in choices(answer) {
        let message = choice.get("message").cloned().unwrap_or_default();
        let index = index(choice);
        let mut push = |delta: Value, finish: Value| {
            let mut chosen = json!({"index": index, "delta": delta, "finish_reason": finish});
            if let Some(logprobs) = choice.get("logprobs").filter(|_| chosen["delta"].get("content").is_some()) {
                chosen["logprobs"] = logprobs.clone();
            }
            out.push_str(&event(&chunk(answer, "chat.completion.chunk", vec![chosen], include_usage).to_string()));
        };
        push(json!({"role": message.get("role").cloned().unwrap_or_else(|| json!("assistant"))}), Value::Null);
        for (key, value) in message.as_object().into_iter().flatten() {
            if key == "role" || value.is_null() {
                continue;
            }
            let value = if key == "tool_calls" { numbered(value) } else { value.clone() };
            push(json!({key.as_str(): value}), Value::Null);
        }
        push(json!({}), choice.get("finish_reason").cloned().unwrap_or_default());
    }
    finish(out, answer, "chat.completion.chunk", include_usage)
}

/// A finished completion as `text_completion` events.
pub(super) fn completion(answer: &Value, include_usage: bool) -> String {
    let mut out = String::new();
    for choice in choices(answer) {
        out.push_str(&event(&chunk(answer, "text_completion", vec![choice.clone()], include_usage).to_string()));
    }
    finish(out, answer, "text_completion", include_usage)
}

fn finish(mut out: String, answer: &Value, object: &str, include_usage: bool) -> String {
    if include_usage {
        let mut last = chunk(answer, object, Vec::new(), false);
        last["usage"] = answer.get("usage").cloned().unwrap_or_default();
        out.push_str(&event(&last.to_string()));
    }
    out.push_str(DONE);
    out
}

fn choices(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("choices").and_then(Value::as_array).into_iter().flatten()
}

fn index(choice: &Value) -> Value {
    choice.get("index").cloned().unwrap_or_else(|| json!(0))
}

/// What every chunk repeats: everything of the answer but its choices and usage.
fn chunk(answer: &Value, object: &str, choices: Vec<Value>, include_usage: bool) -> Value {
    let mut fields: Map<String, Value> = answer.as_object().cloned().unwrap_or_default();
    fields.remove("usage");
    fields.insert("object".to_owned(), json!(object));
    fields.insert("choices".to_owned(), Value::Array(choices));
    if include_usage {
        fields.insert("usage".to_owned(), Value::Null);
    }
    Value::Object(fields)
}

/// Tool calls of a stream carry their place.
fn numbered(calls: &Value) -> Value {
    let calls = calls.as_array().into_iter().flatten().enumerate();
    calls
        .map(|(index, call)| {
            let mut call = call.clone();
            call["index"] = json!(index);
            call
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(events: &str) -> Vec<Value> {
        let lines = events.lines().filter_map(|line| line.strip_prefix("data: "));
        lines.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    #[test]
    fn a_chat_answer_becomes_role_content_tools_end_and_usage() {
        let answer = json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m", "system_fingerprint": "f",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
                "role": "assistant", "content": "hi", "refusal": null,
                "tool_calls": [{"id": "t", "type": "function", "function": {"name": "n", "arguments": "{}"}}],
            }}],
            "usage": {"total_tokens": 3},
        });
        let events = chat(&answer, true);
        assert!(events.ends_with(DONE));
        let chunks = data(&events);
        let deltas: Vec<_> = chunks.iter().filter_map(|chunk| chunk["choices"].get(0)).map(|c| &c["delta"]).collect();
        assert_eq!(deltas[0], &json!({"role": "assistant"}));
        assert!(deltas.contains(&&json!({"content": "hi"})));
        assert!(deltas.iter().any(|delta| delta["tool_calls"][0]["index"] == 0));
        assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "tool_calls");
        assert_eq!(chunks.last().unwrap()["usage"]["total_tokens"], 3);
        assert_eq!(chunks.last().unwrap()["choices"], json!([]));
        assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk" && chunk["id"] == "c"));
        assert!(!chat(&answer, false).contains("usage"));
    }

    #[test]
    fn a_completion_keeps_its_text() {
        let answer = json!({"id": "c", "choices": [{"index": 0, "text": "t", "finish_reason": "stop"}]});
        assert_eq!(data(&completion(&answer, false))[0]["choices"][0]["text"], "t");
    }
}
