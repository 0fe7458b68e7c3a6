//! Errors as OpenAI's clients expect them: `{"error":{"message","type","param","code"}}`.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderName, StatusCode};
use offpeak_core::body::Refused;
use offpeak_core::flows::accept::AcceptError;
use offpeak_core::ids::JobId;
use offpeak_core::ports::StoreError;

/// The job of any answer.
pub(crate) const JOB: HeaderName = HeaderName::from_static("x-offpeak-job");
/// Whether an official SDK retries, whatever the status.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// An answer that is not the provider's.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    /// Empty where OpenAI gives none.
    code: Box<str>,
    message: Box<str>,
    param: Option<Cow<'static, str>>,
    /// Seconds after which to come back; without it a retry is pointless.
    retry_after: Option<u16>,
    job: Option<JobId>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let kind = match status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        Self {
            status,
            kind,
            code: code.into(),
            message: message.into().into(),
            param: None,
            retry_after: None,
            job: None,
        }
    }

    pub(crate) fn bad_request(code: &str, param: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { param: param.map(Cow::Borrowed), ..Self::new(StatusCode::BAD_REQUEST, code, message) }
    }

    /// The field at fault, which may lie within others.
    #[must_use]
    pub(crate) fn at(self, param: impl Into<Cow<'static, str>>) -> Self {
        Self { param: Some(param.into()), ..self }
    }

    /// What is not there, and what is another tenant's, look the same: in OpenAI's words, which have no code.
    pub(crate) fn no_such(message: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, "", message)
    }

    /// What is not there, and what is another tenant's, look the same.
    pub(crate) fn no_such_job() -> Self {
        Self::new(StatusCode::NOT_FOUND, "job_not_found", "There is no job of that id.")
    }

    /// What is not there, what is another tenant's, and what was deleted look the same.
    pub(crate) fn no_such_response(id: &str) -> Self {
        let id: String = id.chars().take(100).collect();
        Self::new(StatusCode::NOT_FOUND, "response_not_found", format!("Response with id '{id}' not found."))
    }

    /// Its job is kept, its answer is not given any more.
    pub(crate) fn deleted(job: JobId) -> Self {
        Self::new(StatusCode::GONE, "response_deleted", "The response was deleted.").about(job)
    }

    pub(crate) fn no_such_url(path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        Self::new(StatusCode::NOT_FOUND, "unknown_url", format!("Unknown request URL: {path}"))
    }

    /// Try again: another process may be there by then.
    pub(crate) fn going_down() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "going_down", "The gateway is stopping; try again.").retry_after(1)
    }

    pub(crate) fn key_reused() -> Self {
        let message = "The Idempotency-Key was used with another request.";
        Self::new(StatusCode::CONFLICT, "idempotency_key_reused", message)
    }

    pub(crate) fn wrong_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", "Incorrect API key provided.")
    }

    #[must_use]
    pub(crate) fn about(self, job: JobId) -> Self {
        Self { job: Some(job), ..self }
    }

    #[must_use]
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: u16::try_from(seconds.clamp(1, 60)).ok(), ..self }
    }

    /// The envelope.
    pub(crate) fn body(&self) -> String {
        serde_json::json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": (!self.code.is_empty()).then_some(&self.code),
        }})
        .to_string()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers
            .insert(SHOULD_RETRY, HeaderValue::from_static(if self.retry_after.is_some() { "true" } else { "false" }));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(job) = self.job
            && let Ok(job) = HeaderValue::from_str(&job.text())
        {
            headers.insert(JOB, job);
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a store call failed");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store_unavailable",
            "The gateway's store is unavailable; try again.",
        )
        .retry_after(1)
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let code = match &refused {
            Refused::Missing(_) => "missing_required_parameter",
            Refused::Invalid { .. } | Refused::Twice(_) => "invalid_value",
            Refused::Empty
            | Refused::NotUtf8
            | Refused::NotJson { .. }
            | Refused::NotObject
            | Refused::TooDeep
            | Refused::TooMany => "invalid_json",
        };
        Self::bad_request(code, refused.param(), refused.to_string())
    }
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::KeyReused => Self::key_reused(),
            AcceptError::CallerGone => Self::new(StatusCode::BAD_REQUEST, "caller_gone", "The caller left."),
            AcceptError::Store(error) => error.into(),
        }
    }
}
