//! Background responses as OpenAI's SDKs know them: create, retrieve, cancel, delete.
//!
//! ```text
//! POST /v1/responses, background ──► accept ──► a job      resp_job_0123…, queued, at once
//! GET  /v1/responses/resp_job_0123… ──► its row            queued │ in_progress │ completed │ failed │ …
//! ```
//!
//! A background response is an ordinary job, and its id is the job's with `resp_` before it: there is no other store.
//! Whoever is told the id has the answer, so each create is a job of its own, and an SDK's retry of it finds its job.
//! Any job of `/v1/responses` may be looked at so, however it was handed in.
//!
//! *Cancel* is at once while the job is queued. Once it is packed it is a wish: the response stays `in_progress` until
//! its batch ends, and is then `cancelled`, or `completed` if the line was faster, since that answer is paid for.
//!
//! *Delete* cancels what is open, then marks the row: from then on nobody is given the answer, and the id is not found.
//! The job stays in `/v1/jobs`, for the ledger; the bytes go with the submission's results when their retention ends.
//!
//! An id that is none of ours is the upstream's, and relayed where such calls are (`keys` mode has none).

mod object;
pub(crate) mod previous;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::flows::cancel::cancel as withdraw;
use offpeak_core::flows::hand_out::look;
use offpeak_core::ids::{JobId, TenantId};
use offpeak_core::job::{Job, Mark};
use offpeak_core::ports::{StoreError, Written};
use serde::Deserialize;
use serde_json::json;

use crate::caller::{Auth, authenticate};
use crate::error::{ApiError, JOB};
use crate::extract::{Path, query};
use crate::gateway::Gateway;
use crate::intake::Ticket;
use crate::waiting::Brief;
use crate::{headers, jobs, relay, stream};

pub(crate) use object::{Echo, ended, no_response, waiting};

/// The job of a response's id.
fn job_of(id: &str) -> Option<JobId> {
    id.strip_prefix("resp_")?.parse().ok()
}

/// Whether an id has the form of ours, well-formed or not.
fn is_ours(id: &str) -> bool {
    id.starts_with("resp_job_")
}

/// Answers a create at once.
pub(crate) async fn begin(gateway: Arc<Gateway>, ticket: Ticket) -> Response {
    let Ticket { accepted, wait, stream, background, .. } = ticket;
    let job = Box::new(accepted.job);
    if let Err(error) = Brief::of(&job).still_there() {
        return error.into_response();
    }
    let echo = background.unwrap_or_default();
    if stream.is_some() {
        return stream::begin(gateway, job, wait, &echo).await;
    }
    shown(&gateway, &job, &echo).await.unwrap_or_else(IntoResponse::into_response)
}

/// The response as it stands.
async fn shown(gateway: &Gateway, job: &Job, echo: &Echo) -> Result<Response, ApiError> {
    let body = if job.state.is_final() {
        ended(gateway, job, None).await?
    } else {
        Bytes::from(waiting(job, echo).to_string())
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = job.id.text().parse() {
        response.headers_mut().insert(JOB, id);
    }
    Ok(response)
}

/// The caller's own response, or 404.
async fn own(gateway: &Gateway, headers: &HeaderMap, id: &str) -> Result<Job, ApiError> {
    let caller = authenticate(gateway, headers).await?;
    find(gateway, &caller.tenant, id).await?.ok_or_else(|| ApiError::no_such_response(id))
}

async fn find(gateway: &Gateway, tenant: &TenantId, id: &str) -> Result<Option<Job>, StoreError> {
    let Some(job) = job_of(id) else { return Ok(None) };
    let job = look(&gateway.ports, job).await?;
    Ok(job.filter(|job| job.tenant == *tenant && job.lane.endpoint == Endpoint::Responses && !job.is_deleted()))
}

/// What a caller does with a response.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// `GET /v1/responses/{id}`, also as a stream.
    Show,
    /// `POST /v1/responses/{id}/cancel`. Once more is harmless: the response is shown as it stands.
    Cancel,
    /// `DELETE /v1/responses/{id}`.
    Delete,
    /// `GET /v1/responses/{id}/input_items`.
    InputItems,
}

/// Handles a call about one response, unless it is the upstream's.
pub(crate) async fn resource(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    request: Request,
    act: Act,
) -> Response {
    if !is_ours(&id) && gateway.auth != Auth::Keys {
        return relay::relay(State(gateway), request).await;
    }
    let (parts, _) = request.into_parts();
    let response = match act {
        Act::Show => show(gateway, &id, &parts).await,
        Act::Cancel => cancel(&gateway, &id, &parts.headers).await,
        Act::Delete => delete(&gateway, &id, &parts.headers).await,
        Act::InputItems => input_items(&gateway, &id, &parts.headers).await,
    };
    response.unwrap_or_else(IntoResponse::into_response)
}

/// `GET`'s query.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    stream: bool,
    /// The last event that the caller has.
    starting_after: Option<u64>,
}

async fn show(gateway: Arc<Gateway>, id: &str, parts: &Parts) -> Result<Response, ApiError> {
    let job = own(&gateway, &parts.headers, id).await?;
    let wanted: Wanted = query(&parts.uri)?;
    if job.state.is_final() && job.joins.handed.is_none() {
        jobs::picked_up(&gateway, &Brief::of(&job)).await;
    }
    if wanted.stream {
        return Ok(stream::follow(gateway, Box::new(job), headers::wait(&parts.headers), wanted.starting_after).await);
    }
    shown(&gateway, &job, &Echo::default()).await
}

async fn cancel(gateway: &Gateway, id: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let job = own(gateway, headers, id).await?;
    let job = withdraw(&gateway.ports, job.id).await?.ok_or_else(|| ApiError::no_such_response(id))?;
    shown(gateway, &job, &Echo::default()).await
}

/// Cut between its two writes it has only cancelled: the caller's repeat finds the response and goes on.
async fn delete(gateway: &Gateway, id: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let job = own(gateway, headers, id).await?;
    if !job.state.is_final() {
        withdraw(&gateway.ports, job.id).await?;
    }
    match gateway.ports.jobs.mark(job.id, Mark::Delete { at_ms: gateway.ports.clock.now_ms() }).await? {
        Written::Yes => Ok(Json(json!({"id": id, "object": "response", "deleted": true})).into_response()),
        Written::Conflict(_) => Err(ApiError::no_such_response(id)),
        Written::Unclear => Err(StoreError::Unavailable("a deletion was not answered".to_owned()).into()),
    }
}

/// A request's input is in its line, among others', and not kept by itself.
async fn input_items(gateway: &Gateway, id: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let job = own(gateway, headers, id).await?;
    let message = "This gateway does not list the input of a response.";
    Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "input_items_not_kept", message).about(job.id))
}

#[cfg(test)]
mod tests {
    use offpeak_core::ids::response_id;

    use super::*;

    #[test]
    fn a_response_and_its_job_name_each_other() {
        let job = JobId([0xab; 16]);
        let id = response_id(job);
        assert_eq!((job_of(&id), is_ours(&id)), (Some(job), true));
        for upstreams in ["resp_0123456789abcdef0123456789abcdef", &job.text(), "resp_", "", "response_job_"] {
            assert_eq!((job_of(upstreams), is_ours(upstreams)), (None, false), "{upstreams}");
        }
        for malformed in ["resp_job_", "resp_job_zz", &id.to_uppercase().replace("RESP_JOB", "resp_job")] {
            assert_eq!((job_of(malformed), is_ours(malformed)), (None, true), "{malformed}");
        }
    }
}
