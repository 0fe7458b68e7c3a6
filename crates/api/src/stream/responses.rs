//! A finished response as `response.*` events.

use serde_json::{Value, json};

/// Events with their sequence numbers.
struct Events {
    out: String,
    sequence: u64,
}

impl Events {
    fn push(&mut self, kind: &str, mut fields: Value) {
        fields["type"] = json!(kind);
        fields["sequence_number"] = json!(self.sequence);
        self.sequence += 1;
        self.out.push_str("event: ");
        self.out.push_str(kind);
        self.out.push_str(&format_data(&fields));
    }
}

fn format_data(fields: &Value) -> String {
    format!("\ndata: {fields}\n\n")
}

/// The events of a response that has ended, in the order of one that is just being made.
pub(super) fn events(answer: &Value) -> String {
    let mut events = Events { out: String::new(), sequence: 0 };
    let mut begun = answer.clone();
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    events.push("response.created", json!({"response": begun}));
    events.push("response.in_progress", json!({"response": begun}));
    for (index, item) in answer.get("output").and_then(Value::as_array).into_iter().flatten().enumerate() {
        push_item(&mut events, index, item);
    }
    let kind = match answer.get("status").and_then(Value::as_str) {
        Some("failed") => "response.failed",
        Some("incomplete") => "response.incomplete",
        _ => "response.completed",
    };
    events.push(kind, json!({"response": answer}));
    events.out
}

fn push_item(events: &mut Events, index: usize, item: &Value) {
    let mut begun = item.clone();
    begun["status"] = json!("in_progress");
    for field in ["content", "summary"] {
        if item.get(field).is_some_and(Value::is_array) {
            begun[field] = json!([]);
        }
    }
    if item.get("arguments").is_some() {
        begun["arguments"] = json!("");
    }
    events.push("response.output_item.added", json!({"output_index": index, "item": begun}));
    let id = item.get("id").cloned().unwrap_or_default();
    if let Some(arguments) = item.get("arguments").filter(|_| item.get("type") == Some(&json!("function_call"))) {
        let at = json!({"item_id": id, "output_index": index});
        events.push("response.function_call_arguments.delta", with(&at, "delta", arguments));
        events.push("response.function_call_arguments.done", with(&at, "arguments", arguments));
    }
    for (part_index, part) in item.get("content").and_then(Value::as_array).into_iter().flatten().enumerate() {
        push_part(events, &json!({"item_id": id, "output_index": index, "content_index": part_index}), part);
    }
    events.push("response.output_item.done", json!({"output_index": index, "item": item}));
}

fn push_part(events: &mut Events, at: &Value, part: &Value) {
    let (field, kind) = match part.get("type").and_then(Value::as_str) {
        Some("output_text") => ("text", "response.output_text"),
        Some("refusal") => ("refusal", "response.refusal"),
        _ => ("", ""),
    };
    let mut begun = part.clone();
    if !field.is_empty() {
        begun[field] = json!("");
    }
    events.push("response.content_part.added", with(at, "part", &begun));
    if let Some(text) = part.get(field) {
        let mut delta = with(at, "delta", text);
        let mut done = with(at, field, text);
        if field == "text" {
            delta["logprobs"] = json!([]);
            done["logprobs"] = json!([]);
        }
        events.push(&format!("{kind}.delta"), delta);
        events.push(&format!("{kind}.done"), done);
    }
    events.push("response.content_part.done", with(at, "part", part));
}

fn with(at: &Value, field: &str, value: &Value) -> Value {
    let mut fields = at.clone();
    fields[field] = value.clone();
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_told_from_its_creation_to_its_completion() {
        let answer = json!({"id": "r", "status": "completed", "output": [
            {"id": "m", "type": "message", "content": [{"type": "output_text", "text": "hi", "annotations": []}]},
            {"id": "f", "type": "function_call", "name": "n", "arguments": "{}"},
        ]});
        let told = events(&answer);
        let kinds: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
        assert_eq!(kinds.first(), Some(&"response.created"));
        assert_eq!(kinds.last(), Some(&"response.completed"));
        assert!(
            kinds.contains(&"response.output_text.delta") && kinds.contains(&"response.function_call_arguments.done")
        );
        let numbers: Vec<u64> = told
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| serde_json::from_str::<Value>(data).unwrap()["sequence_number"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, (0..kinds.len() as u64).collect::<Vec<_>>());
    }
}
