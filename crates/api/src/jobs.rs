//! Jobs as a resource: list, show, result, cancel.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use offpeak_core::flows::accept::Call;
use offpeak_core::flows::cancel::cancel as withdraw;
use offpeak_core::flows::hand_out::{hand_out, look};
use offpeak_core::ids::{JobId, RequestId};
use offpeak_core::job::{Job, State as JobState, StateKind};
use offpeak_core::ports::StoreError;
use serde::{Deserialize, Serialize};

use crate::caller::authenticate;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::gateway::Gateway;
use crate::headers;
use crate::waiting::{Brief, held_result};

/// A job as its caller sees it.
#[derive(Serialize)]
pub(crate) struct JobView {
    id: String,
    object: &'static str,
    status: &'static str,
    endpoint: &'static str,
    model: String,
    class: String,
    attempt: u32,
    created_at: u64,
    deadline_at: u64,
    finished_at: Option<u64>,
    cancel_requested: bool,
    response_status: Option<u16>,
    error: Option<ErrorView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

#[derive(Serialize)]
struct ErrorView {
    code: String,
    message: String,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let status = job.state.kind();
        let (response_status, error) = match job.state {
            JobState::Done(answer) => (Some(answer.status), None),
            JobState::Failed(failure) => (None, Some(ErrorView { code: failure.code, message: failure.message })),
            JobState::Queued | JobState::Packed { .. } | JobState::Cancelled | JobState::Expired => (None, None),
        };
        Self {
            id: job.id.text(),
            object: "job",
            status: status.name(),
            endpoint: job.lane.endpoint.path(),
            model: job.request.model,
            class: job.lane.class,
            attempt: job.attempt + 1,
            created_at: job.created_ms / 1_000,
            deadline_at: job.deadline_ms / 1_000,
            finished_at: status.is_final().then_some(job.finished_ms / 1_000),
            cancel_requested: job.cancel_wished,
            response_status,
            error,
            tag: job.request.tag,
        }
    }
}

/// The caller's own job, or 404.
async fn own(gateway: &Gateway, headers: &HeaderMap, id: &str) -> Result<Job, ApiError> {
    let caller = authenticate(gateway, headers).await?;
    let id: JobId = id.parse().map_err(|_| ApiError::no_such_job())?;
    let job = look(&gateway.ports, id).await?.filter(|job| job.tenant == caller.tenant);
    job.ok_or_else(ApiError::no_such_job)
}

/// `GET /v1/jobs/{id}`.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Json<JobView>, ApiError> {
    Ok(Json(own(&gateway, &headers, &id).await?.into()))
}

/// `POST /v1/jobs/{id}/cancel`.
pub(crate) async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Json<JobView>, ApiError> {
    let job = own(&gateway, &headers, &id).await?;
    let job = withdraw(&gateway.ports, job.id).await?.ok_or_else(ApiError::no_such_job)?;
    Ok(Json(job.into()))
}

/// Which leg of a redirect chain this is.
#[derive(Deserialize)]
pub(crate) struct Leg {
    #[serde(default)]
    hop: u32,
}

/// `GET /v1/jobs/{id}/result`.
pub(crate) async fn result(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    Query(leg): Query<Leg>,
    headers: HeaderMap,
) -> Response {
    let job = match own(&gateway, &headers, &id).await {
        Ok(job) => job,
        Err(error) => return error.into_response(),
    };
    match held_result(&gateway, job, headers::wait(&headers), leg.hop).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

/// An answer fetched by id is taken: a later identical request is not its retry, but one that is held for it may still
/// take it. A failed mark harms nobody.
pub(crate) async fn picked_up(gateway: &Gateway, job: &Brief) {
    let call = Call { request: RequestId::BY_ID, retry_count: 0, polls: false };
    let _ = hand_out(&gateway.ports, job.id, job.keyed, &call).await;
}

/// `GET /v1/jobs`' query.
#[derive(Deserialize)]
pub(crate) struct Listing {
    after: Option<String>,
    limit: Option<usize>,
    status: Option<String>,
}

/// One page.
#[derive(Serialize)]
pub(crate) struct PageView {
    object: &'static str,
    data: Vec<JobView>,
    first_id: Option<String>,
    last_id: Option<String>,
    has_more: bool,
}

/// `GET /v1/jobs`: newest first, by cursor, of one status if asked.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Query(listing): Query<Listing>,
    headers: HeaderMap,
) -> Result<Json<PageView>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    let Some(index) = &gateway.abilities.index else {
        return Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "no_job_index", "This gateway keeps no index of jobs."));
    };
    let limit = listing.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(ApiError::bad_request("invalid_value", Some("limit"), "'limit' must be from 1 to 100."));
    }
    let kind = listing.status.map(|name| {
        StateKind::from_name(&name)
            .ok_or_else(|| ApiError::bad_request("invalid_value", Some("status"), "'status' is no job status."))
    });
    let after = listing.after.map(|id| id.parse().map_err(|_| ApiError::no_such_job()));
    let page = index.list(&caller.tenant, kind.transpose()?, after.transpose()?, limit).await;
    let page = page
        .map_err(|error| if matches!(error, StoreError::NotFound) { ApiError::no_such_job() } else { error.into() })?;
    let data: Vec<JobView> = page.jobs.into_iter().map(JobView::from).collect();
    Ok(Json(PageView {
        object: "list",
        first_id: data.first().map(|job| job.id.clone()),
        last_id: data.last().map(|job| job.id.clone()),
        has_more: page.has_more,
        data,
    }))
}
