//! Error answers in OpenAI's envelope, for calls and for batch lines.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// An answer that is an error.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: u16,
    message: String,
    kind: &'static str,
    param: Option<String>,
    code: Option<&'static str>,
    retry_after_s: Option<u32>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

impl Refusal {
    /// An error of `status`, its type the one that belongs to the status.
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        let kind = match status {
            429 => "requests",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        Self { status, message: message.into(), kind, param: None, code: None, retry_after_s: None }
    }

    /// A 400.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// A 400 for a field that is not there.
    pub(crate) fn missing(param: &str) -> Self {
        Self::invalid(format!("Missing required parameter: '{param}'.")).param(param).code("missing_required_parameter")
    }

    /// A 429.
    pub(crate) fn rate_limited(message: impl Into<String>) -> Self {
        Self::new(429, message).code("rate_limit_exceeded")
    }

    /// The 500 of an injected fault.
    pub(crate) fn server_error() -> Self {
        Self::new(500, "The server had an error while processing your request. Sorry about that!")
    }

    /// The 404 of a model that does not exist.
    pub(crate) fn unknown_model(model: &str) -> Self {
        Self::new(404, format!("The model '{model}' does not exist or you do not have access to it."))
            .param("model")
            .code("model_not_found")
    }

    /// Names the field at fault.
    pub(crate) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Names the kind of error for programs.
    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Asks the caller to come back after so many seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The body: the envelope as JSON.
    pub(crate) fn body(&self) -> Vec<u8> {
        let envelope = Envelope {
            error: Inner { message: &self.message, kind: self.kind, param: self.param.as_deref(), code: self.code },
        };
        serde_json::to_vec(&envelope).unwrap_or_default()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let mut response = (status, json, self.body()).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
