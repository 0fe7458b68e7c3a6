//! `stream: true`: keep-alive comments while the job waits, then the finished answer as ordinary chunks.
//!
//! Where nothing can be kept open for long, the stream is told whole once the answer is there ([`whole`]), or ends with
//! an error that says to come back.

mod background;
mod chunks;
mod responses;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::job::{Answer, State};
use serde_json::Value;

use crate::answer::{outcome, provider_response, too_large};
use crate::error::{ApiError, JOB};
use crate::gateway::Gateway;
use crate::headers::Wait;
use crate::intake::Ticket;
use crate::waiting::{Brief, Waited, answered, pending};

pub(crate) use background::{begin, follow};

/// Between two keep-alives, milliseconds: far below every usual limit on silence.
const KEEP_ALIVE_MS: u64 = 15_000;

/// Between two keep-alives at least, milliseconds, however impatient the client.
const BUSIEST_MS: u64 = 250;

/// A comment line. No blank line follows: some clients count empty lines and give up.
const COMMENT: Bytes = Bytes::from_static(b":\n");

/// How an endpoint streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Chat { include_usage: bool },
    Completion { include_usage: bool },
    Responses,
}

impl Shape {
    /// The shape, for endpoints that stream.
    pub(crate) fn of(endpoint: Endpoint, include_usage: bool) -> Option<Self> {
        match endpoint {
            Endpoint::ChatCompletions => Some(Self::Chat { include_usage }),
            Endpoint::Completions => Some(Self::Completion { include_usage }),
            Endpoint::Responses => Some(Self::Responses),
            Endpoint::Embeddings | Endpoint::Moderations | Endpoint::ImageGenerations | Endpoint::ImageEdits => None,
        }
    }

    fn events(self, answer: &Value) -> String {
        match self {
            Self::Chat { include_usage } => chunks::chat(answer, include_usage),
            Self::Completion { include_usage } => chunks::completion(answer, include_usage),
            Self::Responses => responses::events(answer),
        }
    }
}

type Finish = Pin<Box<dyn Future<Output = Bytes> + Send>>;

/// Begins the stream at once; the job's answer ends it.
pub(crate) fn respond(gateway: Arc<Gateway>, ticket: Ticket, shape: Shape) -> Response {
    let id = ticket.accepted.job.id.text();
    let nap = keep_alive(ticket.wait);
    kept_alive(COMMENT, Box::pin(finish(gateway, ticket, shape)), nap, &id)
}

/// Says `first` at once, a comment after each `nap`, and the rest when it is there.
fn kept_alive(first: Bytes, finish: Finish, nap: Duration, job: &str) -> Response {
    let pieces = stream::unfold(Some(finish), move |state| async move {
        let mut finish = state?;
        match tokio::time::timeout(nap, finish.as_mut()).await {
            Ok(events) => Some((Ok::<_, Infallible>(events), None)),
            Err(_) => Some((Ok(COMMENT), Some(finish))),
        }
    });
    let first = stream::once(std::future::ready(Ok(first)));
    event_stream(Body::from_stream(first.chain(pieces)), job)
}

/// The finished answer as a stream that is told at once; what is no answer keeps its own status.
pub(crate) async fn whole(
    gateway: &Gateway,
    job: &Brief,
    (state, body): (&State, Option<Bytes>),
    shape: Shape,
) -> Response {
    match outcome(gateway, job, state, body).await {
        Ok((answer, body)) if answer.status >= 400 => provider_response(job, &answer, body),
        Ok((answer, body)) => match rendered(gateway, job, &answer, &body, shape) {
            Ok(events) => event_stream(Body::from(events), &job.id.text()),
            Err(error) => error.into_response(),
        },
        Err(error) => error.into_response(),
    }
}

fn event_stream(body: Body, job: &str) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(id) = HeaderValue::from_str(job) {
        headers.insert(JOB, id);
    }
    response
}

/// Twice as often as the client needs a byte.
fn keep_alive(wait: Wait) -> Duration {
    let needed_ms = wait.read_timeout_ms.map_or(KEEP_ALIVE_MS, |client_ms| client_ms / 2);
    Duration::from_millis(needed_ms.clamp(BUSIEST_MS, KEEP_ALIVE_MS))
}

/// Waits for the answer as long as a stream may, and turns it into events.
async fn finish(gateway: Arc<Gateway>, ticket: Ticket, shape: Shape) -> Bytes {
    let Ticket { asked, call, accepted, began_ms, .. } = ticket;
    let until_ms = gateway.rules.stream_hold_ms.map_or(u64::MAX, |hold_ms| began_ms.saturating_add(hold_ms));
    let events = match answered(&gateway, asked, call, accepted, until_ms).await {
        Ok((job, Waited::Ended(state, body))) => {
            gateway.stats.answered(gateway.ports.clock.now_ms().saturating_sub(began_ms));
            let events = match outcome(&gateway, &job, &state, body).await {
                Ok((answer, body)) => rendered(&gateway, &job, &answer, &body, shape),
                Err(error) => Err(error),
            };
            events.unwrap_or_else(|error| event(&error.body()))
        }
        Ok((job, Waited::Pending | Waited::Dismissed)) => event(&pending(&gateway, job.id).body()),
        Err(error) => event(&error.body()),
    };
    Bytes::from(events)
}

/// The answer's events, or the provider's own error as one.
fn rendered(gateway: &Gateway, job: &Brief, answer: &Answer, body: &Bytes, shape: Shape) -> Result<String, ApiError> {
    let status = answer.status;
    let events = match serde_json::from_slice::<Value>(body) {
        Ok(answer) if status < 400 => shape.events(&answer),
        Ok(Value::Object(error)) if error.contains_key("error") => event(&Value::Object(error).to_string()),
        Ok(_) | Err(_) => {
            let message = format!("The provider answered {status} with a body that is no error of its own.");
            return Err(ApiError::new(StatusCode::BAD_GATEWAY, "upstream_error", message).about(job.id));
        }
    };
    too_large(gateway, job, answer, events.len() as u64)?;
    Ok(events)
}

/// One server-sent event of one line of data.
fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_alives_come_before_the_client_gives_up() {
        for (read_timeout_ms, want_ms) in
            [(None, 15_000), (Some(600_000), 15_000), (Some(4_000), 2_000), (Some(0), 250)]
        {
            let wait = Wait { read_timeout_ms, ..Wait::default() };
            assert_eq!(keep_alive(wait).as_millis(), want_ms, "{read_timeout_ms:?}");
        }
    }
}
