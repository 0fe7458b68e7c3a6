//! The model endpoints, called one request at a time.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use serde::Deserialize;

use crate::Simulator;
use crate::digest::digest;
use crate::endpoint::Endpoint;
use crate::refusal::Refusal;
use crate::server::CutConnection;
use crate::world::World;

#[derive(Default, Deserialize)]
struct Mode {
    #[serde(default)]
    stream: Option<bool>,
}

/// `POST` to `endpoint`.
pub(crate) async fn call(sim: &Simulator, endpoint: Endpoint, body: &Bytes) -> Result<Response, Refusal> {
    let world = sim.world();
    let death = world.engine.death();
    tokio::select! {
        answer = serve(&world, endpoint, body) => answer,
        () = death => Ok(CutConnection.into_response()),
    }
}

async fn serve(world: &World, endpoint: Endpoint, body: &Bytes) -> Result<Response, Refusal> {
    world.live_call(endpoint.path(), body.len());
    let faults = world.faults();
    let Some(_working) = world.engine.begin(faults.live_capacity) else { return Ok(busy()) };
    let deadly = |text: &String| memchr::memmem::find(body, text.as_bytes()).is_some();
    if faults.live_deadly.as_ref().is_some_and(deadly) {
        world.engine.die(faults.live_down_ms);
        return Ok(CutConnection.into_response());
    }
    if world.strikes(|faults| faults.live_hang_rate).is_some() {
        std::future::pending::<()>().await;
    }
    world.pause(|faults| faults.live_slow_ms).await;
    if world.strikes(|faults| faults.live_cut_rate).is_some() {
        return Ok(CutConnection.into_response());
    }
    if world.strikes(|faults| faults.live_429_rate).is_some() {
        return Ok(busy());
    }
    if world.strikes(|faults| faults.live_fail_rate).is_some() {
        return Err(Refusal::server_error());
    }
    if world.strikes(|faults| faults.live_garbage_rate).is_some() {
        return Ok("<html>something else</html>".into_response());
    }
    answer(world, endpoint, body)
}

fn answer(world: &World, endpoint: Endpoint, body: &Bytes) -> Result<Response, Refusal> {
    let body =
        std::str::from_utf8(body).map_err(|_| Refusal::invalid("We could not parse the JSON body of your request."))?;
    let digest = digest(&[endpoint.path().as_bytes(), body.as_bytes()]);
    let mode: Mode = serde_json::from_str(body).unwrap_or_default();
    if mode.stream == Some(true) {
        let events = world.stream(endpoint, body, digest)?;
        world.ran_live(digest);
        return Ok(streamed(world, events));
    }
    let mut answer = Vec::new();
    world.run(endpoint, body, digest, &mut answer)?;
    world.ran_live(digest);
    Ok(whole(world, answer))
}

fn busy() -> Response {
    let mut response = Refusal::new(429, "Rate limit reached.").code("rate_limit_exceeded").into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn whole(world: &World, answer: Vec<u8>) -> Response {
    world.counts.lock().bytes_out += answer.len() as u64;
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (json, answer).into_response()
}

fn streamed(world: &World, events: Vec<Bytes>) -> Response {
    world.counts.lock().bytes_out += events.iter().map(|event| event.len() as u64).sum::<u64>();
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))];
    let events = stream::iter(events.into_iter().map(Ok::<_, Infallible>));
    (kind, Body::from_stream(events)).into_response()
}
