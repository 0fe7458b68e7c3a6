//! What can be wrong with a batch, in the words of the real API where they are known.

use crate::wire::BatchError;

/// Code of a line whose model is not that of the lines before.
pub(crate) const MISMATCHED_MODEL: &str = "mismatched_model";

/// What is wrong with a line.
pub(super) struct Fault {
    code: &'static str,
    param: Option<String>,
    message: String,
}

impl Fault {
    /// A fault of the field `param`, if of one.
    pub(super) fn new(code: &'static str, param: Option<&str>, message: impl Into<String>) -> Self {
        Self { code, param: param.map(str::to_owned), message: message.into() }
    }

    /// A field that is not there.
    pub(super) fn missing(param: &'static str) -> Self {
        Self::new("missing_required_parameter", Some(param), format!("Missing required parameter: '{param}'."))
    }

    /// The fault as an error of the batch, on that line.
    pub(super) fn on(self, line: usize) -> BatchError {
        BatchError { code: self.code, message: self.message, param: self.param, line: Some(line) }
    }
}

/// An error of the batch as a whole.
pub(super) fn whole(code: &'static str, param: Option<&str>, message: &str) -> BatchError {
    BatchError { code, message: message.to_owned(), param: param.map(str::to_owned), line: None }
}

/// The error of a file that does not exist.
pub(crate) fn unknown_file(id: &str) -> BatchError {
    let message = format!("Cannot find file {id}, or organization org-simulator does not have access to it.");
    whole("invalid_request", Some("file_id"), &message)
}

/// The error of a batch that fails because a fault says so.
pub(crate) fn broken() -> BatchError {
    whole("server_error", None, "The batch could not be validated.")
}

/// The error of a batch for which no room is left among the tokens that wait.
pub(crate) fn token_limit(model: Option<&str>) -> BatchError {
    let model = model.unwrap_or("the model");
    let message = format!(
        "Enqueued token limit reached for {model} in organization org-simulator. Limit: 900,000 enqueued tokens. \
         Please try again once some in_progress batches have been completed."
    );
    whole("token_limit_exceeded", None, &message)
}
