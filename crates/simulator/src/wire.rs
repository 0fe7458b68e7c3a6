//! The objects that answers are made of. Absent values are explicit nulls, as OpenAI sends them.

use std::collections::BTreeMap;

use serde::Serialize;

/// A file.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FileObject {
    pub(crate) id: String,
    pub(crate) object: &'static str,
    pub(crate) bytes: u64,
    pub(crate) created_at: u64,
    pub(crate) expires_at: Option<u64>,
    pub(crate) filename: String,
    pub(crate) purpose: String,
    pub(crate) status: &'static str,
    pub(crate) status_details: Option<String>,
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    #[default]
    Validating,
    Failed,
    InProgress,
    Finalizing,
    Completed,
    Expired,
    Cancelling,
    Cancelled,
}

impl Status {
    /// The spelling on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::Failed => "failed",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A batch.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct BatchObject {
    pub(crate) id: String,
    pub(crate) object: &'static str,
    pub(crate) endpoint: &'static str,
    pub(crate) model: Option<String>,
    pub(crate) errors: Option<ErrorList>,
    pub(crate) input_file_id: String,
    pub(crate) completion_window: &'static str,
    pub(crate) status: Status,
    pub(crate) output_file_id: Option<String>,
    pub(crate) error_file_id: Option<String>,
    pub(crate) created_at: u64,
    pub(crate) in_progress_at: Option<u64>,
    pub(crate) expires_at: Option<u64>,
    pub(crate) finalizing_at: Option<u64>,
    pub(crate) completed_at: Option<u64>,
    pub(crate) failed_at: Option<u64>,
    pub(crate) expired_at: Option<u64>,
    pub(crate) cancelling_at: Option<u64>,
    pub(crate) cancelled_at: Option<u64>,
    pub(crate) request_counts: RequestCounts,
    pub(crate) usage: Option<BatchUsage>,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
}

/// How many lines a batch has and has answered.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct RequestCounts {
    pub(crate) total: usize,
    pub(crate) completed: usize,
    pub(crate) failed: usize,
}

/// The tokens of a whole batch.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct BatchUsage {
    pub(crate) input_tokens: u64,
    pub(crate) input_tokens_details: CachedTokens,
    pub(crate) output_tokens: u64,
    pub(crate) output_tokens_details: ReasoningTokens,
    pub(crate) total_tokens: u64,
}

impl BatchUsage {
    /// The usage of so many tokens in and out.
    pub(crate) fn new(input_tokens: u64, output_tokens: u64) -> Self {
        Self { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens, ..Self::default() }
    }
}

/// Input tokens that came from a cache: none ever.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct CachedTokens {
    pub(crate) cached_tokens: u64,
}

/// Output tokens spent on reasoning: none ever.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct ReasoningTokens {
    pub(crate) reasoning_tokens: u64,
}

/// Why a batch failed validation.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ErrorList {
    pub(crate) object: &'static str,
    pub(crate) data: Vec<BatchError>,
}

/// One reason, with the line (from 1) and the field at fault where there is one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BatchError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
    pub(crate) line: Option<usize>,
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct List<T> {
    pub(crate) object: &'static str,
    pub(crate) data: Vec<T>,
    pub(crate) first_id: Option<String>,
    pub(crate) last_id: Option<String>,
    pub(crate) has_more: bool,
}
