//! The Response object of a job.
//!
//! A completed one is the provider's answer, byte for byte but for three fields: `id` (the one that the caller was given;
//! the provider made its own when the line ran), `background` (a line has no such field, so the provider says `false`) and
//! `service_tier` (`flex`, the tier of OpenAI's that has a batch's price). A route's renamed model is restored as anywhere.
//!
//! Before, and where no answer came, it is made from the row: every field that OpenAI's description requires. What the
//! request said of instructions, tools, metadata and the like is in the answer to the create and in the provider's answer,
//! but not in between: the row does not keep it, and null says nothing.

use bytes::Bytes;
use http::StatusCode;
use offpeak_core::body::{Peek, with_fields};
use offpeak_core::ids::{JobId, response_id};
use offpeak_core::job::{Failure, Job, State};
use serde_json::{Map, Value, json};

use crate::answer::outcome;
use crate::error::ApiError;
use crate::gateway::Gateway;
use crate::waiting::Brief;

/// The fields of a request that its response repeats.
const REPEATED: [&str; 19] = [
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// A larger field is not repeated, bytes: its caller has it.
const LONGEST: usize = 64 << 10;

/// What a response says of its request.
#[derive(Debug, Default)]
pub(crate) struct Echo(Map<String, Value>);

impl Echo {
    /// What a request says whose answer is fetched later: one that is not stored could not be (OpenAI, Background mode
    /// guide, read November 2026).
    pub(crate) fn of(peek: &Peek, body: &[u8]) -> Result<Self, ApiError> {
        if peek.raw(body, "store") == Some("false") {
            let message = "Invalid value for 'store': expected true, since a background response is fetched later.";
            return Err(ApiError::bad_request("invalid_value", Some("store"), message));
        }
        let mut fields = Map::new();
        for name in REPEATED {
            if let Some(raw) = peek.raw(body, name).filter(|raw| raw.len() <= LONGEST && *raw != "null")
                && let Ok(value) = serde_json::from_str(raw)
            {
                fields.insert(name.to_owned(), value);
            }
        }
        Ok(Self(fields))
    }
}

/// The response of a job that has not ended.
pub(crate) fn waiting(job: &Job, echo: &Echo) -> Value {
    let mut response = without_output(job, if job.submission().is_some() { "in_progress" } else { "queued" });
    for (name, value) in &echo.0 {
        response[name.as_str()] = value.clone();
    }
    response
}

fn without_output(job: &Job, status: &str) -> Value {
    json!({
        "id": response_id(job.id),
        "object": "response",
        "created_at": job.created_ms / 1_000,
        "status": status,
        "background": true,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "metadata": null,
        "model": job.request.model,
        "output": [],
        "parallel_tool_calls": true,
        "service_tier": "flex",
        "temperature": null,
        "tool_choice": "auto",
        "tools": [],
        "top_p": null,
        "usage": null,
    })
}

/// The response of a job that has ended; its answer's body if it is at hand.
pub(crate) async fn ended(gateway: &Gateway, job: &Job, body: Option<Bytes>) -> Result<Bytes, ApiError> {
    let failed = |error| {
        let mut response = without_output(job, "failed");
        response["error"] = error;
        Ok(Bytes::from(response.to_string()))
    };
    match &job.state {
        State::Done(_) => {
            let (answer, body) = outcome(gateway, &Brief::of(job), &job.state, body).await?;
            if answer.status >= 400 { failed(providers_error(answer.status, &body)) } else { completed(job, &body) }
        }
        State::Failed(Failure { message, .. }) => failed(json!({"code": "server_error", "message": message})),
        State::Expired => {
            failed(json!({"code": "server_error", "message": "The job's deadline passed without an answer."}))
        }
        State::Cancelled => Ok(Bytes::from(without_output(job, "cancelled").to_string())),
        State::Queued | State::Packed { .. } => Err(ApiError::no_such_response(&response_id(job.id))),
    }
}

fn completed(job: &Job, body: &[u8]) -> Result<Bytes, ApiError> {
    let id = format!("\"{}\"", response_id(job.id));
    let ours = with_fields(body, &[("id", &id), ("background", "true"), ("service_tier", "\"flex\"")]);
    ours.ok_or_else(|| no_response(job.id))
}

/// The provider's answer cannot be read as a response.
pub(crate) fn no_response(job: JobId) -> ApiError {
    let message = format!("The provider's answer is no response; GET /v1/jobs/{job}/result gives it as it is.");
    ApiError::new(StatusCode::BAD_GATEWAY, "upstream_error", message).about(job)
}

/// The provider's refusal of the line as a response's error: its own words, and its own code where it has one.
fn providers_error(status: u16, body: &[u8]) -> Value {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |name: &str| told["error"][name].as_str().map(str::to_owned);
    let code = match status {
        429 => "rate_limit_exceeded",
        400..500 => "invalid_prompt",
        _ => "server_error",
    };
    json!({
        "code": field("code").unwrap_or_else(|| code.to_owned()),
        "message": field("message").unwrap_or_else(|| format!("The provider answered {status}.")),
        "param": field("param"),
        "type": field("type"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_refusal_keeps_its_words() {
        let body =
            br#"{"error":{"message":"No such model.","type":"invalid_request_error","param":"model","code":"m"}}"#;
        let want = json!({"message": "No such model.", "type": "invalid_request_error", "param": "model", "code": "m"});
        assert_eq!(providers_error(404, body), want);
        for (status, code) in [(400, "invalid_prompt"), (429, "rate_limit_exceeded"), (500, "server_error")] {
            let error = providers_error(status, b"no json");
            assert_eq!(error["code"], code);
            assert!(error["message"].as_str().unwrap().contains(&status.to_string()), "{error}");
        }
    }
}
