//! `/v1/files`: what callers store, and what their batches left.

mod content;
mod create;
mod form;
mod paced;
mod view;

use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use offpeak_core::file::{File, Purpose};
use offpeak_core::flows::files::{self, DeleteError, ReceiveError};
use offpeak_core::ids::NativeFileId;
use offpeak_core::ports::StoreError;
use serde::{Deserialize, Serialize};

pub(crate) use content::content;
pub(crate) use create::{STRICT_BYTES, create, expiry, filename, purpose, settle};
pub(crate) use form::Form;
pub(crate) use paced::Paced;
pub(crate) use view::FileView;

use crate::caller::authenticate;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::fields::unsupported;
use crate::gateway::Gateway;
use crate::paging::{PageView, limit};

/// The largest page of a listing, which is also what is given if nothing is said (OpenAI's description of its API, read
/// 2026-11-20).
const PAGE: usize = 10_000;

/// What is not there, what has expired, and what is another tenant's.
fn missing(id: &str) -> ApiError {
    let id: String = id.chars().take(100).collect();
    ApiError::no_such(format!("No such File object: {id}")).at("id")
}

/// A file by the id in a path or a query.
fn parsed(id: &str) -> Result<NativeFileId, ApiError> {
    NativeFileId::from_str(id).map_err(|_| missing(id))
}

/// The caller's own file, or 404.
async fn own(gateway: &Gateway, headers: &HeaderMap, id: &str) -> Result<File, ApiError> {
    let caller = authenticate(gateway, headers).await?;
    let file = files::get(&gateway.ports, &caller.tenant, parsed(id)?).await?;
    file.ok_or_else(|| missing(id))
}

/// `GET /v1/files/{id}`.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Json<FileView>, ApiError> {
    Ok(Json(own(&gateway, &headers, &id).await?.into()))
}

/// A file that was deleted.
#[derive(Serialize)]
pub(crate) struct DeletedView {
    id: String,
    object: &'static str,
    deleted: bool,
}

/// `DELETE /v1/files/{id}`.
pub(crate) async fn delete(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Json<DeletedView>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    match files::delete(&gateway.ports, &caller.tenant, parsed(&id)?).await {
        Ok(()) => Ok(Json(DeletedView { id, object: "file", deleted: true })),
        Err(DeleteError::InUse(batch)) => {
            let message = format!(
                "The file {id} is the input of {batch}, which is still to read it; delete it once that has left the \
                 status 'validating'."
            );
            Err(ApiError::new(StatusCode::CONFLICT, "file_in_use", message).at("id"))
        }
        Err(DeleteError::NotFound) => Err(missing(&id)),
        Err(DeleteError::Store(error)) => Err(error.into()),
    }
}

/// `GET /v1/files`' query.
#[derive(Deserialize)]
pub(crate) struct Listing {
    purpose: Option<String>,
    order: Option<String>,
    limit: Option<String>,
    after: Option<String>,
}

/// `GET /v1/files`.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Query(listing): Query<Listing>,
    headers: HeaderMap,
) -> Result<Json<PageView<FileView>>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    let named = |name: &str| {
        let names = Purpose::ALL.map(Purpose::name);
        Purpose::from_name(name).ok_or_else(|| unsupported("purpose", name, names))
    };
    let query = files::Listing {
        purpose: listing.purpose.as_deref().map(named).transpose()?,
        ascending: match listing.order.as_deref() {
            Some("asc") => true,
            Some("desc") | None => false,
            Some(order) => return Err(unsupported("order", order, ["asc", "desc"])),
        },
        after: listing.after.as_deref().map(parsed).transpose()?,
        limit: limit(listing.limit.as_deref(), PAGE, PAGE)?,
    };
    let page = files::list(&gateway.ports, &caller.tenant, query).await.map_err(|error| {
        let foreign = matches!(error, StoreError::NotFound);
        if foreign { missing(listing.after.as_deref().unwrap_or("")) } else { error.into() }
    })?;
    Ok(Json(PageView::new(page.files.into_iter().map(FileView::from).collect(), page.has_more)))
}

/// What kept content from becoming a file.
pub(crate) fn failed(error: ReceiveError) -> ApiError {
    match error {
        ReceiveError::TooLarge { most } => {
            let way = if most == STRICT_BYTES {
                "the most that a batch's input may have here."
            } else {
                "the most that one call may carry here; larger files come in parts, through /v1/uploads \
                 (client.uploads.upload_file_chunked, with a part_size)."
            };
            let message = format!("The file is larger than {most} bytes, {way}");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "file_too_large", message).at("file")
        }
        ReceiveError::NotJsonl => not_jsonl(),
        ReceiveError::Store(error) => error.into(),
    }
}

/// OpenAI's words, which have no code and name no field.
pub(crate) fn not_jsonl() -> ApiError {
    ApiError::bad_request("", None, "Invalid file format for Batch API. Must be .jsonl")
}
