//! `/worker/*`: the desk for workers on other machines, in `offpeak_core::ports::desk`'s own types as JSON.
//!
//! ```text
//! POST /worker/take   an Ask                            a Lease, or 204
//! POST /worker/lines  a Lease                           JSONL; or 303 to one line of it, without its line feed
//! POST /worker/keep   a Report without `leaving`        a Standing
//! POST /worker/leave  a Report with `leaving`           a Standing
//! ```
//! Where answers are limited, lines come in pages: each but the last says in `x-offpeak-next` what `?from=` asks for the
//! next.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{Ask, Lease, LinesPage, PageLines, Paged, Report, Share, StoreError};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::caller::{Auth, authenticate, bearer};
use crate::error::ApiError;
use crate::gateway::Gateway;

/// JSONL, of which what stands before a gateway should think as bytes: as a text within JSON it would be longer.
const BYTES: &str = "application/octet-stream";

/// Where the next page begins.
const NEXT: HeaderName = HeaderName::from_static("x-offpeak-next");

/// The longest report: a checkpoint of the usual size and the longest answer of an engine, as JSON.
const LONGEST: usize = 160 << 20;

/// For a report to arrive.
const READ: Duration = Duration::from_mins(1);

/// Models that one worker may name.
const MODELS: usize = 100;

pub(crate) async fn take(State(gateway): State<Arc<Gateway>>, request: Request) -> Result<Response, ApiError> {
    let (desk, ask): (_, Ask) = opened(&gateway, request).await?;
    let is_named = (1..=128).contains(&ask.worker.len()) && ask.worker.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_named || ask.models.len().max(ask.full.len()) > MODELS {
        let message = "A worker has a name of 1 to 128 visible ASCII characters, and at most 100 models.";
        return Err(ApiError::bad_request("invalid_value", None, message));
    }
    Ok(match desk.take(&ask).await? {
        Some(lease) => Json(lease).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Which page is asked for.
#[derive(serde::Deserialize)]
pub(crate) struct From {
    #[serde(default)]
    from: u32,
}

pub(crate) async fn lines(
    State(gateway): State<Arc<Gateway>>,
    Query(From { from }): Query<From>,
    request: Request,
) -> Result<Response, ApiError> {
    let (desk, lease): (_, Lease) = opened(&gateway, request).await?;
    let page = match gateway.rules.response_bytes {
        Some(bytes) => desk.page(&lease, from, bytes).await,
        None => desk.lines(&lease).await.map(|lines| LinesPage { lines: PageLines::Here(lines), next: None }),
    };
    let LinesPage { lines, next } = match page {
        Err(StoreError::NotFound) => return Err(ApiError::no_such("There is no such chunk.".to_owned())),
        page => page?,
    };
    let mut response = match lines {
        PageLines::Here(lines) => {
            // An error in the middle cuts the answer: the worker sees that it is not whole.
            let lines = lines.inspect_err(|error| tracing::warn!(%error, "a chunk's lines were cut"));
            ([(header::CONTENT_TYPE, BYTES)], Body::from_stream(lines)).into_response()
        }
        PageLines::There { object, offset, length } => {
            let name = ObjectName(format!("answers/line-{}-{}-{from}", lease.chunk, lease.attempt));
            elsewhere(gateway.abilities.share.as_deref(), (&object, offset, length), &name).await?
        }
    };
    if let Some(next) = next {
        response.headers_mut().insert(NEXT, HeaderValue::from(next));
    }
    Ok(response)
}

/// 303 to a line that no answer can carry.
async fn elsewhere(
    share: Option<&dyn Share>,
    (object, offset, length): (&ObjectName, u64, u64),
    name: &ObjectName,
) -> Result<Response, ApiError> {
    let share = share.ok_or_else(|| StoreError::Unavailable("a line is longer than an answer may be".to_owned()))?;
    let url = share.share(object, offset, length, name).await?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response())
}

pub(crate) async fn keep(State(gateway): State<Arc<Gateway>>, request: Request) -> Result<Response, ApiError> {
    let (desk, report): (_, Report) = opened(&gateway, request).await?;
    Ok(Json(desk.keep(&report.lease, report.checkpoint).await.map_err(refused)?).into_response())
}

pub(crate) async fn leave(State(gateway): State<Arc<Gateway>>, request: Request) -> Result<Response, ApiError> {
    let (desk, report): (_, Report) = opened(&gateway, request).await?;
    let leaving = report.leaving.ok_or_else(|| crate::fields::missing("leaving"))?;
    Ok(Json(desk.leave(&report.lease, report.checkpoint, leaving).await.map_err(refused)?).into_response())
}

/// What is wrong with a report is its worker's fault.
fn refused(error: StoreError) -> ApiError {
    if let StoreError::Corrupt(why) = &error {
        return ApiError::bad_request("invalid_value", None, format!("The report is refused: {why}."));
    }
    error.into()
}

/// The desk and what the worker says, if it is one.
async fn opened<T: DeserializeOwned>(gateway: &Gateway, request: Request) -> Result<(&dyn Paged, T), ApiError> {
    let (parts, body) = request.into_parts();
    let Some(work) = &gateway.abilities.work else { return Err(ApiError::no_such_url(parts.uri.path())) };
    match &work.key {
        Some(key) => is_shown(key.expose_secret(), &parts.headers)?,
        None if gateway.auth == Auth::Open => authenticate(gateway, &parts.headers).await.map(drop)?,
        None => return Err(ApiError::wrong_key()),
    }
    let Ok(read) = tokio::time::timeout(READ, Limited::new(body, LONGEST).collect()).await else {
        let message = "The request body did not arrive in time.";
        return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message).retry_after(1));
    };
    let body = read.map_err(|_| {
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", "The report is too long, or ended early.")
    })?;
    let said = serde_json::from_slice(&body.to_bytes());
    let said = said.map_err(|_| ApiError::bad_request("invalid_json", None, "The request body cannot be read."))?;
    Ok((work.desk.as_ref(), said))
}

/// By their hashes, so that how long it takes tells nothing of the key.
fn is_shown(key: &str, headers: &HeaderMap) -> Result<(), ApiError> {
    let shown = Sha256::digest(bearer(headers)?.as_bytes());
    if shown == Sha256::digest(key.as_bytes()) { Ok(()) } else { Err(ApiError::wrong_key()) }
}
