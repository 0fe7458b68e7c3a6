//! The summary of a batch in the outbox: what is there means that the rest is.

use serde::Serialize;

use super::{Batch, InputError, State, Usage};

/// What lies in the outbox beside a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Given {
    /// Bytes of the output, if there is one.
    pub output_bytes: Option<u64>,
    /// Bytes of the errors, if there are any.
    pub error_bytes: Option<u64>,
}

/// A summary as it is written. It follows from the row alone, so whoever writes it writes the same; its fields are called as
/// OpenAI calls those of a batch, and times are Unix seconds.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    object: &'static str,
    batch_id: String,
    status: &'static str,
    endpoint: &'static str,
    model: Option<&'a str>,
    input_file_id: String,
    created_at: u64,
    ended_at: Option<u64>,
    request_counts: Counts,
    usage: Usage,
    output: Option<FileView>,
    errors_file: Option<FileView>,
    /// What is wrong with an input that was refused.
    errors: &'a [InputError],
}

#[derive(Debug, Serialize)]
struct Counts {
    total: u64,
    completed: u64,
    failed: u64,
}

#[derive(Debug, Serialize)]
struct FileView {
    name: &'static str,
    bytes: u64,
}

impl<'a> Summary<'a> {
    /// What the output is called beside a summary.
    pub const OUTPUT: &'static str = "output.jsonl";
    /// What the errors are called.
    pub const ERRORS: &'static str = "errors.jsonl";
    /// What the summary is called.
    pub const NAME: &'static str = "summary.json";

    /// That of a batch which has ended.
    pub fn of(batch: &'a Batch, given: Given) -> Self {
        let counts = batch.counts();
        let file = |name: &'static str, bytes: Option<u64>| bytes.map(|bytes| FileView { name, bytes });
        Self {
            object: "batch.summary",
            batch_id: batch.id.text(),
            status: batch.state.kind().name(),
            endpoint: batch.asked.endpoint.path(),
            model: batch.model.as_deref(),
            input_file_id: batch.asked.input_name(),
            created_at: batch.created_ms / 1_000,
            ended_at: batch.times.ended_ms.map(|ended_ms| ended_ms / 1_000),
            request_counts: Counts { total: counts.total, completed: counts.completed, failed: counts.failed },
            usage: batch.usage(),
            output: file(Self::OUTPUT, given.output_bytes),
            errors_file: file(Self::ERRORS, given.error_bytes),
            errors: if let State::Failed { errors } = &batch.state { errors } else { &[] },
        }
    }

    /// As it lies in the outbox.
    pub fn text(&self) -> String {
        // Texts and numbers: nothing that could not be written.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}
