//! `/sim`: steering a simulator that runs as a process of its own. No key is needed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;

use crate::refusal::Refusal;
use crate::{Counts, Faults, Simulator};

/// `GET /sim/faults`
pub(crate) async fn faults(State(sim): State<Arc<Simulator>>) -> Json<Faults> {
    Json(sim.faults())
}

/// `PUT /sim/faults`: fields left out get their defaults.
pub(crate) async fn set_faults(State(sim): State<Arc<Simulator>>, body: Bytes) -> Result<Response, Refusal> {
    let faults: Faults = serde_json::from_slice(&body).map_err(|error| Refusal::invalid(error.to_string()))?;
    sim.set_faults(faults);
    Ok(Json(sim.faults()).into_response())
}

/// `GET /sim/counts`
pub(crate) async fn counts(State(sim): State<Arc<Simulator>>) -> Json<Counts> {
    Json(sim.counts())
}

/// `POST /sim/reset`
pub(crate) async fn reset(State(sim): State<Arc<Simulator>>) -> StatusCode {
    sim.reset();
    StatusCode::NO_CONTENT
}
