//! Responses as a stream of named, numbered events.

use bytes::Bytes;
use serde_json::{Value, json};

use super::Run;
use super::responses::{self, Item};
use crate::refusal::Refusal;

/// The events so far; each gets the next sequence number.
#[derive(Default)]
struct Events(Vec<Bytes>);

impl Events {
    /// Adds the event `kind` with the fields of `data`.
    fn push(&mut self, kind: &str, mut data: Value) {
        data["type"] = json!(kind);
        data["sequence_number"] = json!(self.0.len());
        self.0.push(format!("event: {kind}\ndata: {data}\n\n").into());
    }
}

/// The events that answer the request in `body`.
pub(super) fn events(body: &str, run: &Run) -> Result<Vec<Bytes>, Refusal> {
    let (mut response, _) = responses::reply(body, run)?;
    let completed = json!({ "response": response });
    let output = std::mem::take(&mut response.output);
    response.status = "in_progress";
    response.usage = None;
    let mut opening = json!(response);
    opening["completed_at"] = Value::Null;

    let mut events = Events::default();
    events.push("response.created", json!({ "response": opening }));
    events.push("response.in_progress", json!({ "response": opening }));
    for (index, item) in output.iter().enumerate() {
        push_item(&mut events, index, item);
    }
    events.push("response.completed", completed);
    Ok(events.0)
}

fn push_item(events: &mut Events, index: usize, item: &Item) {
    let mut empty = item.clone();
    empty.status = "in_progress";
    empty.content.clear();
    events.push("response.output_item.added", json!({ "output_index": index, "item": empty }));
    for (place, part) in item.content.iter().enumerate() {
        let with = |name: &str, value: Value| {
            let mut data = json!({ "item_id": item.id, "output_index": index, "content_index": place });
            data[name] = value;
            data
        };
        let mut blank = part.clone();
        blank.text.clear();
        events.push("response.content_part.added", with("part", json!(blank)));
        for word in part.text.split_inclusive(' ') {
            let mut data = with("delta", json!(word));
            data["logprobs"] = json!([]);
            events.push("response.output_text.delta", data);
        }
        let mut data = with("text", json!(part.text));
        data["logprobs"] = json!([]);
        events.push("response.output_text.done", data);
        events.push("response.content_part.done", with("part", json!(part)));
    }
    events.push("response.output_item.done", json!({ "output_index": index, "item": item }));
}
