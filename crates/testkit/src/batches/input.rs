//! What callers put in: lines whose answers tell whose they are.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::plan::BatchPlan;

/// The input of the nth batch. All batches use the same `custom_id`s: each line asks a question of its own.
pub(super) fn text(number: usize, plan: &BatchPlan) -> String {
    let mut text = String::new();
    for line in 0..plan.lines {
        let model = plan.models[line % plan.models.len()];
        let url = if plan.broken == Some(line) { "/v1/embeddings" } else { "/v1/chat/completions" };
        let question = question(number, line);
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            r#"{{"custom_id":"line {line}","method":"POST","url":"{url}","body":{{"model":"{model}","messages":[],"q":"{question}"}}}}"#
        );
    }
    text
}

fn question(number: usize, line: usize) -> String {
    format!("{number}.{line}")
}

/// What each `custom_id` of the nth batch asks.
pub(super) fn questions(number: usize, plan: &BatchPlan) -> BTreeMap<String, String> {
    (0..plan.lines).map(|line| (format!("line {line}"), question(number, line))).collect()
}
