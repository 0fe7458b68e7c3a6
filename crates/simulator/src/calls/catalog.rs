//! `/v1/models`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::Simulator;
use crate::refusal::Refusal;

/// Unix seconds at which every model came out.
const RELEASED_AT: u64 = 1_735_689_600;

/// `GET /v1/models`
pub(crate) async fn index(State(sim): State<Arc<Simulator>>) -> Response {
    let data: Vec<Value> = sim.options().models.iter().map(|id| model(id)).collect();
    Json(json!({ "object": "list", "data": data })).into_response()
}

/// `GET /v1/models/{id}`
pub(crate) async fn retrieve(Path(id): Path<String>) -> Result<Response, Refusal> {
    if id.starts_with("missing-") {
        return Err(Refusal::unknown_model(&id));
    }
    Ok(Json(model(&id)).into_response())
}

fn model(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": RELEASED_AT, "owned_by": "simulator" })
}
