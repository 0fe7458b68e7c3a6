//! A final state as an HTTP answer: the provider's status and body byte for byte, or an error of ours.
//!
//! Where a response has a largest size, a larger answer is given by 303: every official SDK follows it, and none takes
//! its `Authorization` header to another host.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use offpeak_core::body::with_model;
use offpeak_core::flows::hand_out::body as stored_body;
use offpeak_core::hex;
use offpeak_core::ids::ObjectName;
use offpeak_core::job::{Answer, Failure, State};
use offpeak_core::ports::{Share, StoreError};
use sha2::{Digest, Sha256};

use crate::error::{ApiError, JOB, SHOULD_RETRY};
use crate::gateway::Gateway;
use crate::waiting::Brief;

/// Answers with what became of the job.
pub(crate) async fn respond(gateway: &Gateway, job: &Brief, state: &State, body: Option<Bytes>) -> Response {
    match given(gateway, job, state, body).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn given(gateway: &Gateway, job: &Brief, state: &State, body: Option<Bytes>) -> Result<Response, ApiError> {
    job.still_there()?;
    if let State::Done(answer) = state
        && let Some(share) = gateway.abilities.share.as_deref()
        && answer.status == 200
        && too_large(gateway, job, answer, longest(job, answer)).is_err()
    {
        return shared(share, job, answer).await;
    }
    let (answer, body) = outcome(gateway, job, state, body).await?;
    Ok(provider_response(job, &answer, body))
}

/// How many bytes an answer may come to once its model is named as the caller names it.
fn longest(job: &Brief, answer: &Answer) -> u64 {
    // In JSON a character may take six bytes for one.
    answer.length + job.renamed.as_ref().map_or(0, |name| 6 * name.len() as u64)
}

/// The provider's answer and its bytes, the model restored where a route renamed it; or why there is none.
pub(crate) async fn outcome(
    gateway: &Gateway,
    job: &Brief,
    state: &State,
    body: Option<Bytes>,
) -> Result<(Answer, Bytes), ApiError> {
    job.still_there()?;
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
    too_large(gateway, job, &answer, answer.length)?;
    let body = match body {
        Some(body) => body,
        None => stored_body(&gateway.ports, &answer).await.map_err(|error| unreadable(job, error))?,
    };
    let body = match &job.renamed {
        Some(model) => with_model(&body, model),
        None => body,
    };
    too_large(gateway, job, &answer, body.len() as u64)?;
    Ok((answer, body))
}

/// Refuses to give so many bytes of an answer where a response may not be as large, and says where they are.
pub(crate) fn too_large(gateway: &Gateway, job: &Brief, answer: &Answer, bytes: u64) -> Result<(), ApiError> {
    let Some(limit) = gateway.rules.response_bytes.filter(|limit| bytes > *limit) else { return Ok(()) };
    let id = job.id;
    let way = if gateway.abilities.share.is_some() && answer.status == 200 {
        format!("GET /v1/jobs/{id}/result leads to all of it.")
    } else {
        let (object, from, to) = (&answer.object, answer.offset, answer.offset + answer.length);
        format!("The gateway's operator has it in the object store: {object}, bytes {from} to {to}.")
    };
    let message = format!("The answer of {id} is {bytes} bytes; a response of this gateway is {limit} at most. {way}");
    Err(ApiError::new(StatusCode::BAD_GATEWAY, "response_too_large", message).about(id))
}

/// 303 to the answer as an object of its own. There a renamed model bears the provider's name for it.
async fn shared(share: &dyn Share, job: &Brief, answer: &Answer) -> Result<Response, ApiError> {
    let name = shared_name(job, answer);
    let url = share.share(&answer.object, answer.offset, answer.length, &name).await;
    let url = url.map_err(|error| unreadable(job, error))?;
    let location = HeaderValue::try_from(url)
        .map_err(|_| ApiError::from(StoreError::Corrupt("a shared object's URL is none".to_owned())))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, location);
    if let Ok(id) = HeaderValue::from_str(&job.id.text()) {
        response.headers_mut().insert(JOB, id);
    }
    Ok(response)
}

/// An answer's own name: a job's id is free again once its row is gone, and its next answer must not be the last one.
fn shared_name(job: &Brief, answer: &Answer) -> ObjectName {
    let place = Sha256::digest(format!("{} {}", answer.object, answer.offset));
    ObjectName(format!("answers/{}-{}", job.id, hex::encode(&place[..8])))
}

fn unreadable(job: &Brief, error: StoreError) -> ApiError {
    if matches!(error, StoreError::NotFound) {
        return ApiError::new(StatusCode::GONE, "result_expired", "The result is no longer kept.").about(job.id);
    }
    ApiError::from(error).about(job.id)
}

pub(crate) fn provider_response(job: &Brief, answer: &Answer, body: Bytes) -> Response {
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
