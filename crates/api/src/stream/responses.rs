//! A finished response as `response.*` events.

use serde_json::{Value, json};

/// Events with their sequence numbers.
struct Events {
    out: String,
    sequence: u64,
    /// The last one that the reader has.
    after: Option<u64>,
}

impl Events {
    fn from(sequence: u64, after: Option<u64>) -> Self {
        Self { out: String::new(), sequence, after }
    }

    fn push(&mut self, kind: &str, mut fields: Value) {
        let sequence = self.sequence;
        self.sequence += 1;
        if self.after.is_some_and(|after| sequence <= after) {
            return;
        }
        fields["type"] = json!(kind);
        fields["sequence_number"] = json!(sequence);
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
    let mut events = Events::from(0, None);
    let begun = begun(answer);
    events.push("response.created", json!({"response": begun}));
    tell(&mut events, answer, &begun);
    events.out
}

/// The events of a background response that waits, but for those that the reader has: numbers 0 and 1.
pub(super) fn queued(mut response: Value, after: Option<u64>) -> String {
    response["status"] = json!("queued");
    let mut events = Events::from(0, after);
    events.push("response.created", json!({"response": response}));
    events.push("response.queued", json!({"response": response}));
    events.out
}

/// The events that follow once it has ended, but for those that the reader has: from number 2 on.
pub(super) fn rest(answer: &Value, after: Option<u64>) -> String {
    let mut events = Events::from(2, after);
    tell(&mut events, answer, &begun(answer));
    events.out
}

fn begun(answer: &Value) -> Value {
    let mut begun = answer.clone();
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    for field in ["usage", "error"] {
        begun[field] = Value::Null;
    }
    begun
}

fn tell(events: &mut Events, answer: &Value, begun: &Value) {
    events.push("response.in_progress", json!({"response": begun}));
    for (index, item) in answer.get("output").and_then(Value::as_array).into_iter().flatten().enumerate() {
        push_item(events, index, item);
    }
    let kind = match answer.get("status").and_then(Value::as_str) {
        Some("failed") => "response.failed",
        Some("incomplete") => "response.incomplete",
        _ => "response.completed",
    };
    events.push(kind, json!({"response": answer}));
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

    #[test]
    fn a_stream_that_is_gone_on_with_tells_what_comes_after_and_nothing_twice() {
        let waiting = json!({"id": "r", "status": "in_progress"});
        let answer = json!({"id": "r", "status": "failed", "output": [], "error": {"code": "c"}});
        let told = |after| format!("{}{}", queued(waiting.clone(), after), rest(&answer, after));
        let whole = told(None);
        let parts: Vec<&str> = whole.split_inclusive("\n\n").collect();
        let kinds: Vec<_> = parts.iter().map(|part| part.lines().next().unwrap()).collect();
        let want = ["created", "queued", "in_progress", "failed"].map(|kind| format!("event: response.{kind}"));
        assert_eq!(kinds, want);
        for (after, want) in [(0, &parts[1..]), (1, &parts[2..]), (2, &parts[3..]), (3, &parts[4..])] {
            assert_eq!(told(Some(after)), want.concat(), "after {after}");
        }
        assert_eq!(told(Some(u64::MAX)), "");
    }
}
