//! What the provider answers to a same request live: the model's answers are decided by the request alone.

use bytes::Bytes;
use offpeak_tests::{Answer, Http};
use serde_json::Value;

use crate::World;

/// A request, and the status and body that its answer must have but for what tells two executions apart.
#[derive(Debug, Clone)]
pub struct Twin {
    /// The path, `/v1` included.
    pub path: &'static str,
    /// The request's body.
    pub body: Bytes,
    status: u16,
    answer: Value,
}

impl Twin {
    /// Asks the provider itself.
    pub async fn of(world: &World, path: &'static str, body: impl Into<Bytes>) -> Self {
        let provider = Http::to(world.upstream.url().trim_end_matches("/v1")).with_key("sk-own");
        let body = body.into();
        let call = provider.post_bytes(path, body.clone()).header("content-type", "application/json");
        let live = call.send().await;
        Self { path, body, status: live.status, answer: comparable(&live) }
    }

    /// Checks an answer.
    pub fn answered_by(&self, answer: &Answer) {
        assert_eq!(answer.status, self.status, "{}: {}", self.path, answer.text());
        assert_eq!(comparable(answer), self.answer, "{}", self.path);
    }
}

/// Without ids, times and the number of the execution.
fn comparable(answer: &Answer) -> Value {
    let mut answer = answer.json();
    strip(&mut answer);
    answer
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for field in ["id", "created", "created_at", "completed_at", "system_fingerprint"] {
                fields.remove(field);
            }
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
