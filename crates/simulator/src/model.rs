//! The model behind the endpoints: its answers are decided by the request alone and easy to check.
//!
//! Only `system_fingerprint` and the ids tell two executions of a same request apart.

mod chat;
mod chat_stream;
mod completions;
mod embeddings;
mod images;
mod moderations;
mod responses;
mod responses_stream;
mod text;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::refusal::Refusal;

pub(crate) use text::Text;

/// One execution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Its place in the sequence of all executions, from 1.
    pub(crate) number: u64,
    /// Digest of the request.
    pub(crate) digest: u128,
    /// Unix seconds at which it took place.
    pub(crate) created: u64,
}

impl Run {
    /// The number as the fingerprint shows it.
    fn fingerprint(&self) -> String {
        format!("fp_{}", self.number)
    }

    /// An id of this execution.
    fn id(&self, prefix: &str) -> String {
        format!("{prefix}{:016x}{:08x}", crate::digest::low_half(self.digest), self.number)
    }
}

/// The tokens of one execution.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tokens {
    /// Of the request.
    pub(crate) input: u64,
    /// Of the answer.
    pub(crate) output: u64,
}

impl Tokens {
    /// Estimates the tokens of a text by its length in bytes.
    fn estimate(bytes: usize) -> u64 {
        u64::try_from(bytes / 4 + 1).unwrap_or(u64::MAX)
    }
}

/// The `usage` of chat completions, completions and embeddings.
#[derive(Clone, Copy, Debug, Serialize)]
struct Usage {
    prompt_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens: Option<u64>,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    audio_tokens: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those on the wire")]
struct CompletionDetails {
    reasoning_tokens: u64,
    audio_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

impl Usage {
    /// With an answer's tokens and all details.
    fn generation(tokens: Tokens) -> Self {
        Self {
            prompt_tokens: tokens.input,
            completion_tokens: Some(tokens.output),
            total_tokens: tokens.input + tokens.output,
            prompt_tokens_details: Some(PromptDetails::default()),
            completion_tokens_details: Some(CompletionDetails::default()),
        }
    }

    /// Of a prompt only.
    fn prompt(tokens: u64) -> Self {
        Self {
            prompt_tokens: tokens,
            completion_tokens: None,
            total_tokens: tokens,
            prompt_tokens_details: None,
            completion_tokens_details: None,
        }
    }
}

/// Answers a request: appends the answer's JSON to `out`.
///
/// # Errors
///
/// The refusal that an API answers to a body it cannot serve.
pub(crate) fn answer(endpoint: Endpoint, body: &str, run: &Run, out: &mut Vec<u8>) -> Result<Tokens, Refusal> {
    match endpoint {
        Endpoint::Chat => chat::answer(body, run, out),
        Endpoint::Completions => completions::answer(body, run, out),
        Endpoint::Embeddings => embeddings::answer(body, run, out),
        Endpoint::Responses => responses::answer(body, run, out),
        Endpoint::Moderations => moderations::answer(body, run, out),
        Endpoint::ImageGenerations => images::answer(body, false, run, out),
        Endpoint::ImageEdits => images::answer(body, true, run, out),
    }
}

/// Answers a request as server-sent events.
///
/// # Errors
///
/// As [`answer`]; also for an endpoint that does not stream.
pub(crate) fn stream(endpoint: Endpoint, body: &str, run: &Run) -> Result<Vec<Bytes>, Refusal> {
    match endpoint {
        Endpoint::Chat => chat_stream::events(body, run),
        Endpoint::Completions => completions::events(body, run),
        Endpoint::Responses => responses_stream::events(body, run),
        Endpoint::Embeddings | Endpoint::Moderations | Endpoint::ImageGenerations | Endpoint::ImageEdits => {
            Err(Refusal::invalid("Unknown parameter: 'stream'.").param("stream").code("unknown_parameter"))
        }
    }
}

/// The text that the answer would echo; empty where there is none.
pub(crate) fn prompt_text(endpoint: Endpoint, body: &str) -> String {
    match endpoint {
        Endpoint::Chat => chat::prompt_text(body),
        Endpoint::Responses => responses::prompt_text(body),
        Endpoint::Completions
        | Endpoint::Embeddings
        | Endpoint::Moderations
        | Endpoint::ImageGenerations
        | Endpoint::ImageEdits => text::field_text(body, endpoint.prompt_field()),
    }
}

/// Reads a request body.
fn parse<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, Refusal> {
    serde_json::from_str(body).map_err(|error| {
        if error.is_data() {
            Refusal::invalid(format!("Invalid request body: {error}")).code("invalid_type")
        } else {
            Refusal::invalid("We could not parse the JSON body of your request.")
        }
    })
}

/// Refuses a model that is missing or does not exist.
fn check_model(model: &str) -> Result<(), Refusal> {
    if model.is_empty() {
        return Err(Refusal::invalid("you must provide a model parameter"));
    }
    if model.starts_with("missing-") {
        return Err(Refusal::unknown_model(model));
    }
    Ok(())
}

/// Appends `value` as JSON.
fn write_json(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Refusal> {
    serde_json::to_writer(out, value).map_err(|_| Refusal::server_error())
}

/// One server-sent event without a name.
fn event(value: &impl Serialize) -> Result<Bytes, Refusal> {
    let mut out = b"data: ".to_vec();
    write_json(&mut out, value)?;
    out.extend_from_slice(b"\n\n");
    Ok(out.into())
}

/// The event that ends a stream of chunks.
fn done() -> Bytes {
    Bytes::from_static(b"data: [DONE]\n\n")
}
