//! The handlers: every event they receive, and what they make of poison, refusals and odd bodies.

mod bodies;
mod events;
mod live;
mod poison;
mod refusals;
mod weather;

use std::time::Duration;

/// For a run to come to rest.
const PATIENCE: Duration = Duration::from_mins(1);

/// A chat request of this question, which is also its prompt, as text: the question is inserted as it is.
fn chat(question: &str) -> String {
    format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{question}"}}],"q":"{question}"}}"#)
}

/// Characters that hardly shrink.
fn noise(length: usize) -> String {
    let mut state = 7_u64;
    let draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + u8::try_from(state >> 58).unwrap_or(0))
    };
    std::iter::repeat_with(draw).take(length).filter(|digit| *digit != '\\').collect()
}
