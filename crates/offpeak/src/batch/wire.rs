//! What the API's answers say, as much of it as is read here.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A batch.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) endpoint: Option<String>,
    pub(super) model: Option<String>,
    pub(super) input_file_id: Option<String>,
    pub(super) output_file_id: Option<String>,
    pub(super) error_file_id: Option<String>,
    /// Unix seconds, as the next one.
    pub(super) created_at: Option<i64>,
    pub(super) expires_at: Option<i64>,
    pub(super) request_counts: Option<Counts>,
    pub(super) errors: Option<Errors>,
}

/// What became of a batch's lines so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    pub(super) total: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
}

/// What is wrong with a batch's input.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Errors {
    pub(super) data: Option<Vec<InputFault>>,
}

/// One thing that is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct InputFault {
    pub(super) line: Option<u64>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) param: Option<String>,
}

/// A stored file.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    pub(super) id: String,
    #[serde(default)]
    pub(super) bytes: Option<u64>,
}

/// An upload in parts, and a part.
#[derive(Debug, Deserialize)]
pub(super) struct Upload {
    pub(super) id: String,
    #[serde(default)]
    pub(super) file: Option<File>,
}

/// A page of a list, its items as they came.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    pub(super) data: Vec<Box<RawValue>>,
    #[serde(default)]
    pub(super) has_more: bool,
    #[serde(default)]
    pub(super) last_id: Option<String>,
    /// Of the batch, on a page of its results.
    #[serde(default)]
    pub(super) status: Option<String>,
}

impl Batch {
    /// Whether nothing more becomes of it.
    pub(super) fn has_ended(&self) -> bool {
        has_ended(&self.status)
    }

    pub(super) fn counts(&self) -> Counts {
        self.request_counts.unwrap_or_default()
    }

    /// What is wrong with its input.
    pub(super) fn faults(&self) -> &[InputFault] {
        self.errors.as_ref().and_then(|errors| errors.data.as_deref()).unwrap_or_default()
    }
}

/// Whether a batch's status is a last one.
pub(super) fn has_ended(status: &str) -> bool {
    matches!(status, "completed" | "failed" | "expired" | "cancelled")
}

impl Counts {
    /// Lines of which is known what became of them.
    pub(super) const fn done(&self) -> u64 {
        self.completed + self.failed
    }
}

impl std::fmt::Display for InputFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: ")?,
            None => write!(f, "the file: ")?,
        }
        let text = |text: &Option<String>| super::failure::plain(text.as_deref().unwrap_or("unknown"));
        write!(f, "{}: {}", text(&self.code), text(&self.message))?;
        // Most messages name the field themselves.
        match &self.param {
            Some(param) if !self.message.as_ref().is_some_and(|message| message.contains(&format!("'{param}'"))) => {
                write!(f, " ({})", super::failure::plain(param))
            }
            Some(_) | None => Ok(()),
        }
    }
}
