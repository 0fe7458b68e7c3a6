//! `/v1/batches`: many requests in one file.

mod create;
mod inline;
mod results;
mod view;

use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use offpeak_core::flows::batches::{self, CancelError};
use offpeak_core::ids::NativeBatchId;
use offpeak_core::ports::StoreError;

pub(crate) use create::create;
pub(crate) use results::{results, retry};

use crate::caller::authenticate;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::gateway::Gateway;
use crate::paging::{Listing, PageView, limit};
use view::BatchView;

/// The largest page of a listing, and what is given if nothing is said (OpenAI's description of its API, read
/// 2026-11-20).
const PAGE: (usize, usize) = (100, 20);

/// What is not there, and what is another tenant's.
fn missing(id: &str) -> ApiError {
    let id: String = id.chars().take(100).collect();
    ApiError::no_such(format!("No batch found with id '{id}'."))
}

fn parsed(id: &str) -> Result<NativeBatchId, ApiError> {
    NativeBatchId::from_str(id).map_err(|_| missing(id))
}

/// `GET /v1/batches/{id}`.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Json<BatchView>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    let batch = batches::get(&gateway.ports, &caller.tenant, parsed(&id)?).await?;
    batch.map(|batch| Json(batch.into())).ok_or_else(|| missing(&id))
}

/// `POST /v1/batches/{id}/cancel`.
pub(crate) async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Json<BatchView>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    match batches::cancel(&gateway.ports, &caller.tenant, parsed(&id)?).await {
        Ok(batch) => Ok(Json(batch.into())),
        Err(CancelError::NotFound) => Err(missing(&id)),
        Err(CancelError::Ended(status)) => {
            let message = format!("Cannot cancel a batch with status '{}'.", status.name());
            Err(ApiError::new(StatusCode::CONFLICT, "", message))
        }
        Err(CancelError::Store(error)) => Err(error.into()),
    }
}

/// `GET /v1/batches`: newest first.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Query(listing): Query<Listing>,
    headers: HeaderMap,
) -> Result<Json<PageView<BatchView>>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    let (most, default) = PAGE;
    let limit = limit(listing.limit.as_deref(), most, default)?;
    let after = listing.after.as_deref().map(parsed).transpose()?;
    let page = batches::list(&gateway.ports, &caller.tenant, after, limit).await.map_err(|error| {
        let foreign = matches!(error, StoreError::NotFound);
        if foreign { missing(listing.after.as_deref().unwrap_or("")) } else { error.into() }
    })?;
    Ok(Json(PageView::new(page.batches.into_iter().map(BatchView::from).collect(), page.has_more)))
}
