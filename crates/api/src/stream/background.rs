//! A background response as a stream: from its creation, or from any event on, as often as its caller likes.
//!
//! Which event has which number depends on the answer alone: 0 and 1 say that the response is created and queued, and are
//! said at once; the rest follows the answer. So a caller whose stream was cut, or ended early, goes on with
//! `GET /v1/responses/{id}?stream=true&starting_after=N`.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use offpeak_core::job::{Job, State};
use serde_json::Value;

use super::{COMMENT, event, event_stream, keep_alive, kept_alive, responses};
use crate::answer::{outcome, too_large};
use crate::error::ApiError;
use crate::gateway::Gateway;
use crate::headers::Wait;
use crate::responses::{Echo, ended, no_response, waiting};
use crate::waiting::{Brief, Waited, hold_ms, not_ready, pending, wait_for};

/// The stream of a create. Where nothing can be kept open it ends once the response is queued.
pub(crate) async fn begin(gateway: Arc<Gateway>, job: Box<Job>, wait: Wait, echo: &Echo) -> Response {
    let opening = responses::queued(waiting(&job, echo), None);
    if gateway.rules.stream_hold_ms == Some(0) && !job.state.is_final() {
        return event_stream(Body::from(opening), &job.id.text());
    }
    tell(gateway, job, wait, (opening, None)).await
}

/// The stream of a `GET`, after the last event that the caller has. Where nothing can be kept open the call is held like
/// any other, and told to come back.
pub(crate) async fn follow(gateway: Arc<Gateway>, mut job: Box<Job>, wait: Wait, after: Option<u64>) -> Response {
    let opening = responses::queued(waiting(&job, &Echo::default()), after);
    if gateway.rules.stream_hold_ms == Some(0) && !job.state.is_final() {
        let until_ms = gateway.ports.clock.now_ms() + hold_ms(&gateway, wait);
        match wait_for(&gateway, job.id, until_ms, true).await {
            Ok(Waited::Ended(state, _)) => job.state = state,
            Ok(Waited::Pending | Waited::Dismissed) => return not_ready(&gateway, job.id),
            Err(error) => return ApiError::from(error).into_response(),
        }
    }
    tell(gateway, job, wait, (opening, after)).await
}

async fn tell(gateway: Arc<Gateway>, job: Box<Job>, wait: Wait, (opening, after): (String, Option<u64>)) -> Response {
    let id = job.id.text();
    if job.state.is_final() {
        return match rest(&gateway, &job, None, after).await {
            Ok(rest) => event_stream(Body::from(opening + &rest), &id),
            Err(error) => error.into_response(),
        };
    }
    let first = if opening.is_empty() { COMMENT } else { Bytes::from(opening) };
    kept_alive(first, Box::pin(finish(gateway, job, after)), keep_alive(wait), &id)
}

/// Waits for the end as long as a stream may, and tells it.
async fn finish(gateway: Arc<Gateway>, mut job: Box<Job>, after: Option<u64>) -> Bytes {
    let now_ms = gateway.ports.clock.now_ms();
    let until_ms = gateway.rules.stream_hold_ms.map_or(u64::MAX, |hold_ms| now_ms.saturating_add(hold_ms));
    let events = match wait_for(&gateway, job.id, until_ms, true).await {
        Ok(Waited::Ended(state, body)) => {
            job.state = state;
            rest(&gateway, &job, body, after).await
        }
        Ok(Waited::Pending | Waited::Dismissed) => Err(pending(&gateway, job.id)),
        Err(error) => Err(error.into()),
    };
    Bytes::from(events.unwrap_or_else(|error| event(&error.body())))
}

/// The events of the end. There is none for a cancelled response, which is an error as in every other stream.
async fn rest(gateway: &Gateway, job: &Job, body: Option<Bytes>, after: Option<u64>) -> Result<String, ApiError> {
    let brief = Brief::of(job);
    if job.state == State::Cancelled {
        outcome(gateway, &brief, &job.state, None).await?;
    }
    let response = ended(gateway, job, body).await?;
    let response: Value = serde_json::from_slice(&response).map_err(|_| no_response(job.id))?;
    let events = responses::rest(&response, after);
    if let State::Done(answer) = &job.state {
        too_large(gateway, &brief, answer, events.len() as u64)?;
    }
    Ok(events)
}
