//! Which path leads to which call, and what every call under `/v1` goes through first.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use sha2::{Digest as _, Sha256};

use crate::Simulator;
use crate::calls::{batches, catalog, control, creation, files, live, upload};
use crate::endpoint::Endpoint;
use crate::refusal::Refusal;
use crate::server::CutConnection;

/// Keys that are remembered at most.
const MAX_KEYS: usize = 10_000;

/// Room for what surrounds a file in an upload.
const FORM_BYTES: usize = 1 << 20;

/// All calls of `sim`, under `/v1` and `/sim`.
///
/// A connection can be cut without an answer only by [`serve`](crate::serve); see [`CutConnection`].
pub fn router(sim: Arc<Simulator>) -> Router {
    let max_body_bytes = sim.options().max_file_bytes + FORM_BYTES;
    let v1 = Router::new()
        .route("/files", get(files::index).post(upload::upload))
        .route("/files/{id}", get(files::retrieve).delete(files::delete))
        .route("/files/{id}/content", get(files::content))
        .route("/batches", get(batches::index).post(creation::create))
        .route("/batches/{id}", get(batches::retrieve))
        .route("/batches/{id}/cancel", post(batches::cancel))
        .route("/models", get(catalog::index))
        .route("/models/{*id}", get(catalog::retrieve))
        .route("/chat/completions", model_call(Endpoint::Chat))
        .route("/completions", model_call(Endpoint::Completions))
        .route("/embeddings", model_call(Endpoint::Embeddings))
        .route("/responses", model_call(Endpoint::Responses))
        .route("/moderations", model_call(Endpoint::Moderations))
        .route("/images/generations", model_call(Endpoint::ImageGenerations))
        .route("/images/edits", model_call(Endpoint::ImageEdits))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(max_body_bytes))
        .layer(from_fn_with_state(Arc::clone(&sim), admit));
    let control = Router::new()
        .route("/faults", get(control::faults).put(control::set_faults))
        .route("/counts", get(control::counts))
        .route("/reset", post(control::reset));
    Router::new().nest("/v1", v1).nest("/sim", control).with_state(sim)
}

fn model_call(endpoint: Endpoint) -> MethodRouter<Arc<Simulator>> {
    post(move |State(sim): State<Arc<Simulator>>, body: Bytes| async move { live::call(&sim, endpoint, &body).await })
}

/// Lets a call with a key pass, slowly if so wished, and gives its answer an id.
async fn admit(State(sim): State<Arc<Simulator>>, request: Request, next: Next) -> Response {
    if sim.world().engine.is_down() {
        return CutConnection.into_response();
    }
    let mut response = match check_key(&sim, &request) {
        Ok(()) => {
            sim.world().pause(|faults| faults.slow_ms).await;
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    };
    if let Ok(id) = HeaderValue::try_from(sim.request_id()) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

fn check_key(sim: &Simulator, request: &Request) -> Result<(), Refusal> {
    let header = request.headers().get(header::AUTHORIZATION);
    let key = header.and_then(|header| header.to_str().ok()?.strip_prefix("Bearer "));
    let (Some(header), Some(key)) = (header, key.filter(|key| !key.is_empty())) else {
        if sim.options().is_open {
            return Ok(());
        }
        let message = "You didn't provide an API key. You need to provide your API key in an Authorization header using \
                       Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
        return Err(Refusal::new(401, message));
    };
    let fingerprint = fingerprint(header.as_bytes());
    let world = sim.world();
    let mut counts = world.counts.lock();
    if counts.keys_seen.len() < MAX_KEYS && !counts.keys_seen.contains(&fingerprint) {
        counts.keys_seen.insert(fingerprint);
    }
    if key == "sk-invalid" {
        let message = "Incorrect API key provided: sk-in*alid.";
        return Err(Refusal::new(401, message).code("invalid_api_key"));
    }
    Ok(())
}

/// The first eight bytes of the SHA-256, in hexadecimal.
fn fingerprint(header: &[u8]) -> String {
    let mut hex = String::with_capacity(16);
    for byte in Sha256::digest(header).iter().take(8) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

async fn unknown_path(method: Method, uri: Uri) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND.as_u16(), format!("Invalid URL ({method} /v1{})", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    let message = format!("Not allowed to {method} on /v1{}.", uri.path());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED.as_u16(), message).code("method_not_supported")
}
