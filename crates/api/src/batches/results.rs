//! What OpenAI's Batch API has not: results while a batch runs, and a batch of what failed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use offpeak_core::flows::batches::{self, CreateError, Cursor};
use offpeak_core::ports::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::view::BatchView;
use super::{missing, parsed};
use crate::caller::authenticate;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::gateway::Gateway;
use crate::headers::idempotency_key;
use crate::paging::limit;

/// The largest page of results, and what is given if nothing is said.
const PAGE: (usize, usize) = (1_000, 100);

/// `GET /v1/batches/{id}/results`' query.
#[derive(Deserialize)]
pub(crate) struct Asked {
    after: Option<String>,
    limit: Option<String>,
}

/// Lines as they stand in a batch's files.
#[derive(Serialize)]
pub(crate) struct LinesView {
    object: &'static str,
    /// Of the batch, when they were read.
    status: &'static str,
    data: Vec<Box<RawValue>>,
    /// `after` of the next page; the same again while nothing came after it.
    last_id: String,
    has_more: bool,
}

/// `GET /v1/batches/{id}/results`: what is finished so far, in the order in which it came home.
pub(crate) async fn results(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Json<LinesView>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    let batch = parsed(&id)?;
    let (most, default) = PAGE;
    let limit = limit(asked.limit.as_deref(), most, default)?;
    let after: Option<Cursor> = asked.after.map(|after| after.parse().map_err(|_| no_cursor())).transpose()?;
    let page = batches::results(&gateway.ports, &caller.tenant, batch, after.unwrap_or_default(), limit).await?;
    let page = page.ok_or_else(|| missing(&id))?;
    Ok(Json(LinesView {
        object: "list",
        status: page.batch.state.kind().name(),
        data: page.lines.into_iter().map(raw).collect::<Result<_, _>>()?,
        last_id: page.next.to_string(),
        has_more: page.has_more,
    }))
}

fn no_cursor() -> ApiError {
    ApiError::bad_request("invalid_value", Some("after"), "'after' must be the 'last_id' of a page of results.")
}

fn raw(line: Bytes) -> Result<Box<RawValue>, StoreError> {
    let text = String::from_utf8(line.into()).ok().and_then(|text| RawValue::from_string(text).ok());
    text.ok_or_else(|| StoreError::Corrupt("a line of a batch's results is no JSON".to_owned()))
}

/// `POST /v1/batches/{id}/retry`: a new batch of the lines in the error file, with as long a window.
pub(crate) async fn retry(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Json<BatchView>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    let key = idempotency_key(&headers)?;
    let batch = batches::get(&gateway.ports, &caller.tenant, parsed(&id)?).await?.ok_or_else(|| missing(&id))?;
    let window_ms = batch.deadline_ms.saturating_sub(batch.created_ms);
    match Box::pin(batches::retry(&gateway.ports, &batch, window_ms, key)).await {
        Ok(Some(again)) => Ok(Json(again.into())),
        Ok(None) => {
            let status = batch.state.kind().name();
            let message = format!("Nothing of a batch with status '{status}' that has no error file can be run again.");
            Err(ApiError::new(StatusCode::CONFLICT, "nothing_to_retry", message))
        }
        Err(CreateError::KeyReused) => Err(ApiError::key_reused()),
        Err(CreateError::Store(error)) => Err(error.into()),
    }
}
