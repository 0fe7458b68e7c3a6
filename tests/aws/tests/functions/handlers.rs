//! The handlers: every event they receive, and what they make of poison, refusals and odd bodies.

mod bodies;
mod events;
mod poison;
mod refusals;
mod weather;

use std::time::Duration;

/// For a run to come to rest.
const PATIENCE: Duration = Duration::from_secs(60);

/// A chat request of this question, which is also its prompt, as text: the question is inserted as it is.
fn chat(question: &str) -> String {
    format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{question}"}}],"q":"{question}"}}"#)
}
