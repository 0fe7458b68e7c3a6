//! What may be wrong with an input, in OpenAI's codes and words where they are known (seen live, read 2026-11-20).

use crate::batch::InputError;
use crate::body::Refused;
use crate::endpoint::Endpoint;
use crate::submission::{Limits, Size};

/// What is wrong with a line, before its number is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) param: Option<String>,
}

impl Fault {
    /// The error of this line.
    pub(super) fn at(self, line: u64) -> InputError {
        InputError { line: Some(line), code: self.code.to_owned(), message: self.message, param: self.param }
    }
}

fn fault(code: &'static str, param: Option<&str>, message: impl Into<String>) -> Fault {
    Fault { code, message: message.into(), param: param.map(str::to_owned) }
}

pub(super) fn not_json() -> Fault {
    fault("invalid_json_line", None, "This line is not parseable as valid JSON.")
}

pub(super) fn too_long() -> Fault {
    let message = format!("This line is longer than {} bytes.", super::MAX_LINE_BYTES);
    fault("line_too_long", None, message)
}

pub(super) fn missing(field: &str) -> Fault {
    fault("missing_required_parameter", Some(field), format!("Missing required parameter: '{field}'."))
}

pub(super) fn twice(field: &str) -> Fault {
    fault("invalid_request", Some(field), format!("The field '{field}' stands twice."))
}

pub(super) fn wrong_type(field: &str, expected: &str, value: &str) -> Fault {
    let got = match value.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(_) | None => "a number",
    };
    let message = format!("Invalid type for '{field}': expected {expected}, but got {got} instead.");
    fault("invalid_type", Some(field), message)
}

pub(super) fn wrong_method() -> Fault {
    fault("invalid_value", Some("method"), "Invalid value for 'method'. Supported values are: 'POST'.")
}

pub(super) fn wrong_url() -> Fault {
    fault("invalid_url", Some("url"), "The URL provided for this request does not match the batch endpoint.")
}

pub(super) fn streaming(endpoint: Endpoint) -> Fault {
    let name = match endpoint {
        Endpoint::ChatCompletions => "Chat Completions",
        Endpoint::Completions => "Completions",
        Endpoint::Embeddings => "Embeddings",
        Endpoint::Responses => "Responses",
        Endpoint::Moderations => "Moderations",
        Endpoint::ImageGenerations => "Image Generations",
        Endpoint::ImageEdits => "Image Edits",
    };
    let message = format!("{name}: Streaming is not supported in the Batch API.");
    fault("streaming_unsupported", Some("body.stream"), message)
}

/// A body that cannot become a request.
pub(super) fn refused(endpoint: Endpoint, refused: &Refused) -> Fault {
    let param = refused.param().map_or_else(|| "body".to_owned(), |field| format!("body.{field}"));
    let message = match refused {
        Refused::Missing("model") => "Model parameter is required.".to_owned(),
        Refused::Missing(_) => format!("{} parameter is required.", capital(endpoint.required_field())),
        Refused::Empty
        | Refused::NotUtf8
        | Refused::NotJson { .. }
        | Refused::NotObject
        | Refused::TooDeep
        | Refused::TooMany
        | Refused::Twice(_)
        | Refused::Invalid { .. } => format!("{}.", refused.to_string().trim_end_matches('.')),
    };
    fault("invalid_request", Some(&param), message)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

pub(super) fn repeated(first: u64) -> Fault {
    fault("duplicate_custom_id", Some("custom_id"), format!("Line {first} has the same custom_id."))
}

/// No route takes the model.
pub fn model_not_supported(model: &str) -> Fault {
    let message = format!("The provided model '{model}' is not supported by the Batch API.");
    fault("model_not_found", Some("body.model"), message)
}

/// The batch is private, and the model runs on no own model server.
pub fn model_not_private(model: &str) -> Fault {
    let message = format!("The model '{model}' runs on no model server of your own, and this batch is private.");
    fault("no_private_target", Some("body.model"), message)
}

/// The model is another than the first line's, and the batch takes one only.
pub fn mismatched_model(model: &str, first: &str) -> Fault {
    let message =
        format!("All requests of a batch must name one model: this one names '{model}', the first '{first}'.");
    fault("mismatched_model", Some("body.model"), message)
}

/// One line is more than a whole submission may hold.
pub fn too_large() -> Fault {
    fault("request_too_large", Some("body"), "This request is larger than the provider takes in one batch.")
}

fn of_input(code: &str, param: Option<&str>, message: impl Into<String>) -> InputError {
    InputError { line: None, code: code.to_owned(), message: message.into(), param: param.map(str::to_owned) }
}

/// There is no line.
pub fn empty_file() -> InputError {
    of_input("empty_file", None, "The input file has no requests.")
}

/// There is no such file, or it is another tenant's.
pub fn input_not_found(file: &str) -> InputError {
    let message = format!("Cannot find file {file}, or the organization does not have access to it.");
    of_input("invalid_request", Some("file_id"), message)
}

/// The file was not stored as a batch's input.
pub fn wrong_purpose(purpose: &str) -> InputError {
    of_input("invalid_request", Some("file_id"), format!("The file's purpose is '{purpose}', not 'batch'."))
}

/// More lines than any batch may have.
pub fn too_many_lines(most: u64) -> InputError {
    of_input("too_many_tasks", None, format!("The input file has more than {most} requests."))
}

/// More submissions than a batch may become.
pub fn too_many_parts(most: usize) -> InputError {
    let message = format!("The input file would become more than {most} batches at the providers. Send it in pieces.");
    of_input("too_many_tasks", None, message)
}

/// Parts whose models have such long names that the batch cannot be kept.
pub fn too_long_names() -> InputError {
    let message = "The input file would become too many batches at the providers for the length of its models' names. \
                   Send it in pieces.";
    of_input("too_many_tasks", None, message)
}

/// More than one submission holds, in a batch that must be one.
pub(super) fn over_limits(limits: &Limits, size: Size) -> InputError {
    if size.bytes > limits.bytes {
        of_input("file_too_large", None, format!("The input file is larger than {} bytes.", limits.bytes))
    } else if size.inputs > limits.inputs {
        of_input("too_many_tasks", None, format!("The input file has more than {} embedding inputs.", limits.inputs))
    } else {
        too_many_lines(limits.requests)
    }
}
