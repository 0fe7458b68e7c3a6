//! `/v1/batches`: list, retrieve and cancel.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};

use super::paging::{ListQuery, list};
use crate::Simulator;
use crate::batch::Batch;
use crate::refusal::Refusal;
use crate::world::World;

/// `GET /v1/batches`
pub(crate) async fn index(
    State(sim): State<Arc<Simulator>>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Refusal> {
    let world = sim.world();
    world.counts.lock().list_calls += 1;
    let mut request = query.page(20, 100)?;
    request.ascending = false;
    let lag = Duration::from_millis(world.faults().list_lag_ms);
    let page = world.batches.lock().page(&request, |batch| batch.age() >= lag);
    let page = page.ok_or_else(|| query.unknown_cursor())?;
    let data = page.items.iter().map(|batch| batch.object()).collect();
    Ok(list(data, |batch| &batch.id, page.has_more))
}

/// `GET /v1/batches/{id}`
pub(crate) async fn retrieve(State(sim): State<Arc<Simulator>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let world = sim.world();
    world.counts.lock().polls += 1;
    match world.strikes(|faults| faults.poll_fail_rate) {
        Some(severity) if severity < 0.5 => return Err(Refusal::server_error()),
        Some(_) => return Err(Refusal::rate_limited("Rate limit reached for requests.").retry_after(1)),
        None => {}
    }
    let batch = find(&world, &id)?;
    batch.catch_up().await;
    Ok(Json(batch.object()).into_response())
}

/// `POST /v1/batches/{id}/cancel`
pub(crate) async fn cancel(State(sim): State<Arc<Simulator>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let world = sim.world();
    let object = find(&world, &id)?.cancel()?;
    world.counts.lock().batches_cancelled += 1;
    Ok(Json(object).into_response())
}

fn find(world: &World, id: &str) -> Result<Arc<Batch>, Refusal> {
    let refusal = || Refusal::new(404, format!("No batch found with id '{id}'."));
    world.batches.lock().get(id).ok_or_else(refusal)
}
