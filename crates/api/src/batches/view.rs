//! A batch as its caller sees it.

use std::collections::BTreeMap;

use offpeak_core::batch::{Batch, InputError, State, StateKind, Usage};
use offpeak_core::ids::NativeFileId;
use offpeak_core::submission::LineCounts;
use serde::Serialize;

use crate::paging::Listed;

/// OpenAI's `Batch`: what there is not is null.
#[derive(Serialize)]
pub(crate) struct BatchView {
    id: String,
    object: &'static str,
    endpoint: &'static str,
    model: Option<String>,
    errors: Option<ErrorsView>,
    input_file_id: String,
    completion_window: String,
    status: &'static str,
    output_file_id: Option<String>,
    error_file_id: Option<String>,
    created_at: u64,
    in_progress_at: Option<u64>,
    expires_at: u64,
    finalizing_at: Option<u64>,
    completed_at: Option<u64>,
    failed_at: Option<u64>,
    expired_at: Option<u64>,
    cancelling_at: Option<u64>,
    cancelled_at: Option<u64>,
    request_counts: CountsView,
    usage: UsageView,
    metadata: Option<BTreeMap<String, String>>,
}

#[derive(Serialize)]
struct ErrorsView {
    object: &'static str,
    data: Vec<ErrorView>,
}

#[derive(Serialize)]
struct ErrorView {
    code: String,
    message: String,
    param: Option<String>,
    line: Option<u64>,
}

#[derive(Serialize)]
struct CountsView {
    total: u64,
    completed: u64,
    failed: u64,
}

#[derive(Serialize)]
struct UsageView {
    input_tokens: u64,
    input_tokens_details: CachedView,
    output_tokens: u64,
    output_tokens_details: ReasoningView,
    total_tokens: u64,
}

#[derive(Serialize)]
struct CachedView {
    cached_tokens: u64,
}

#[derive(Serialize)]
struct ReasoningView {
    reasoning_tokens: u64,
}

impl From<Batch> for BatchView {
    fn from(batch: Batch) -> Self {
        let status = batch.state.kind();
        let (counts, usage) = (batch.counts(), batch.usage());
        let seconds = |at_ms: Option<u64>| at_ms.map(|at_ms| at_ms / 1_000);
        let ended = |kind| seconds(batch.times.ended_ms.filter(|_| status == kind));
        let left = batch.state.results().cloned().unwrap_or_default();
        let file = |id: Option<NativeFileId>| id.map(|id| id.text());
        Self {
            id: batch.id.text(),
            object: "batch",
            endpoint: batch.asked.endpoint.path(),
            input_file_id: batch.asked.input_name(),
            status: status.name(),
            output_file_id: file(left.output),
            error_file_id: file(left.errors),
            created_at: batch.created_ms / 1_000,
            in_progress_at: seconds(batch.times.in_progress_ms),
            expires_at: batch.deadline_ms / 1_000,
            finalizing_at: seconds(batch.times.finalizing_ms),
            completed_at: ended(StateKind::Completed),
            failed_at: ended(StateKind::Failed),
            expired_at: ended(StateKind::Expired),
            cancelling_at: seconds(batch.times.cancelling_ms),
            cancelled_at: ended(StateKind::Cancelled),
            request_counts: counts.into(),
            usage: usage.into(),
            errors: errors(batch.state),
            model: batch.model,
            completion_window: batch.asked.window,
            metadata: batch.asked.metadata,
        }
    }
}

fn errors(state: State) -> Option<ErrorsView> {
    let State::Failed { errors } = state else { return None };
    let view = |InputError { line, code, message, param }| ErrorView { code, message, param, line };
    Some(ErrorsView { object: "list", data: errors.into_iter().map(view).collect() })
}

impl From<LineCounts> for CountsView {
    fn from(counts: LineCounts) -> Self {
        Self { total: counts.total, completed: counts.completed, failed: counts.failed }
    }
}

impl From<Usage> for UsageView {
    fn from(usage: Usage) -> Self {
        let Usage { input_tokens, cached_tokens, output_tokens, reasoning_tokens } = usage;
        Self {
            input_tokens,
            input_tokens_details: CachedView { cached_tokens },
            output_tokens,
            output_tokens_details: ReasoningView { reasoning_tokens },
            total_tokens: input_tokens + output_tokens,
        }
    }
}

impl Listed for BatchView {
    fn id(&self) -> &str {
        &self.id
    }
}
