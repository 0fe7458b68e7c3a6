//! A final state as an HTTP answer: the provider's status and body byte for byte, or an error of ours.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use offpeak_core::body::with_model;
use offpeak_core::flows::hand_out::body as stored_body;
use offpeak_core::job::{Answer, Failure, State};
use offpeak_core::ports::StoreError;

use crate::error::{ApiError, JOB, SHOULD_RETRY};
use crate::gateway::Gateway;
use crate::waiting::Brief;

/// Answers with what became of the job.
pub(crate) async fn respond(gateway: &Gateway, job: &Brief, state: &State, body: Option<Bytes>) -> Response {
    match outcome(gateway, job, state, body).await {
        Ok((answer, body)) => provider_response(job, &answer, body),
        Err(error) => error.into_response(),
    }
}

/// The provider's answer and its bytes, the model restored where a route renamed it; or why there is none.
pub(crate) async fn outcome(
    gateway: &Gateway,
    job: &Brief,
    state: &State,
    body: Option<Bytes>,
) -> Result<(Answer, Bytes), ApiError> {
    let answer = match state {
        State::Done(answer) => answer.clone(),
        State::Failed(Failure { code, message }) => {
            return Err(ApiError::new(StatusCode::BAD_GATEWAY, code, message.clone()).about(job.id));
        }
        State::Cancelled => {
            return Err(ApiError::new(StatusCode::GONE, "job_cancelled", "The job was cancelled.").about(job.id));
        }
        State::Expired => {
            let message = "The job's deadline passed without an answer.";
            return Err(ApiError::new(StatusCode::GATEWAY_TIMEOUT, "job_expired", message).about(job.id));
        }
        State::Queued | State::Packed { .. } => return Err(ApiError::no_such_job()),
    };
    let body = match body {
        Some(body) => body,
        None => stored_body(&gateway.ports, &answer).await.map_err(|error| unreadable(job, error))?,
    };
    let body = match &job.renamed {
        Some(model) => with_model(&body, model),
        None => body,
    };
    Ok((answer, body))
}

fn unreadable(job: &Brief, error: StoreError) -> ApiError {
    if matches!(error, StoreError::NotFound) {
        return ApiError::new(StatusCode::GONE, "result_expired", "The result is no longer kept.").about(job.id);
    }
    ApiError::from(error).about(job.id)
}

fn provider_response(job: &Brief, answer: &Answer, body: Bytes) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(&job.id.text()) {
        headers.insert(JOB, id);
    }
    if status.as_u16() >= 400 {
        // Its attempts are spent: a retry would only bring the same answer.
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    response
}
