//! `/v1/files`: list, retrieve, delete and download.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, header};
use serde_json::json;

use super::paging::{ListQuery, list};
use crate::Simulator;
use crate::refusal::Refusal;
use crate::world::{StoredFile, World};

/// From the last byte of a download that is cut to the cut.
const CUT_PAUSE: Duration = Duration::from_millis(10);

/// `GET /v1/files`
pub(crate) async fn index(
    State(sim): State<Arc<Simulator>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Refusal> {
    let request = query.page(10_000, 10_000)?;
    let purpose = query.purpose.as_deref();
    let world = sim.world();
    let page = world.files.lock().page(&request, |file| purpose.is_none_or(|purpose| file.object.purpose == purpose));
    let page = page.ok_or_else(|| query.unknown_cursor())?;
    let data = page.items.iter().map(|file| file.object.clone()).collect();
    Ok(list(data, |file| &file.id, page.has_more))
}

/// `GET /v1/files/{id}`
pub(crate) async fn retrieve(State(sim): State<Arc<Simulator>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let file = find(&sim.world(), &id)?;
    Ok(Json(&file.object).into_response())
}

/// `DELETE /v1/files/{id}`
pub(crate) async fn delete(State(sim): State<Arc<Simulator>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let world = sim.world();
    let removed = world.files.lock().remove(&id);
    removed.ok_or_else(|| unknown(&id))?;
    world.counts.lock().files_deleted += 1;
    Ok(Json(json!({ "id": id, "object": "file", "deleted": true })).into_response())
}

/// `GET /v1/files/{id}/content`
pub(crate) async fn content(State(sim): State<Arc<Simulator>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let world = sim.world();
    let file = find(&world, &id)?;
    let whole = file.content.clone();
    let bytes = whole.len();
    let (body, promised) = if world.due(|faults| &mut faults.download_truncate) {
        (cut_halfway(&whole), Some(bytes))
    } else if world.due(|faults| &mut faults.download_short) {
        (short(&whole), None)
    } else {
        (Body::from(whole), Some(bytes))
    };
    world.counts.lock().bytes_out += bytes as u64;
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Some(bytes) = promised {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    Ok(response)
}

/// Half of the content, then the end of the connection; the pause lets hyper send the half first.
fn cut_halfway(content: &Bytes) -> Body {
    let half = content.slice(..content.len() / 2);
    let cut = async {
        tokio::time::sleep(CUT_PAUSE).await;
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, "simulated cut"))
    };
    Body::from_stream(stream::iter([Ok(half)]).chain(stream::once(cut)))
}

/// The first lines of the content, without a word about its length.
fn short(content: &Bytes) -> Body {
    let end = memchr::memrchr(b'\n', &content[..content.len() / 2]).map_or(0, |newline| newline + 1);
    Body::from_stream(stream::iter([Ok::<_, io::Error>(content.slice(..end))]))
}

fn find(world: &World, id: &str) -> Result<Arc<StoredFile>, Refusal> {
    world.files.lock().get(id).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Refusal {
    Refusal::new(404, format!("No such File object: {id}")).param("id")
}
