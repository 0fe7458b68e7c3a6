//! Waiting: hold, respond-async, redirect, or come back later (DESIGN, "Waiting").

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use offpeak_core::flows::accept::{Accepted, Asked, Call, accept};
use offpeak_core::flows::hand_out::{HandedOut, hand_out, look};
use offpeak_core::ids::JobId;
use offpeak_core::job::{Job, State};
use offpeak_core::ports::StoreError;

use crate::answer;
use crate::error::{ApiError, JOB};
use crate::gateway::Gateway;
use crate::headers::Wait;
use crate::intake::Ticket;
use crate::jobs;
use crate::stream;

/// A held call ends so long before its client would give up.
const MARGIN_MS: u64 = 5_000;

/// One leg of a redirect chain: below the 29 s and 30 s limits of common gateways.
const LEG_MS: u64 = 28_000;

/// Legs of one call: every SDK follows 20 redirects at most (openai-wire.md 6.2, seen 2026-11-20).
pub(crate) const HOPS: u32 = 18;

/// What came of waiting.
pub(crate) enum Waited {
    /// The job has ended; its answer's body if it was at hand.
    Ended(State, Option<Bytes>),
    /// Time is up.
    Pending,
    /// The gateway is going down.
    Dismissed,
}

/// Waits as the caller chose and answers.
pub(crate) async fn respond(gateway: Arc<Gateway>, ticket: Ticket) -> Response {
    let hold_ms = hold_ms(&gateway, ticket.wait);
    let until_ms = ticket.began_ms + hold_ms;
    let Ticket { asked, call, accepted, wait, stream, began_ms, .. } = ticket;
    let (job, waited) = match answered(&gateway, asked, call, accepted, until_ms).await {
        Ok(done) => done,
        Err(error) => return error.into_response(),
    };
    match waited {
        Waited::Ended(state, body) => {
            gateway.stats.answered(gateway.ports.clock.now_ms().saturating_sub(began_ms));
            match stream {
                Some(shape) => Box::pin(stream::whole(&gateway, &job, (&state, body), shape)).await,
                None => Box::pin(answer::respond(&gateway, &job, &state, body)).await,
            }
        }
        Waited::Pending | Waited::Dismissed if wait.respond_async => accepted_response(&job),
        Waited::Pending if gateway.rules.redirect && hold_ms > 0 && stream.is_none() => see_other(job.id, 1),
        Waited::Pending | Waited::Dismissed => not_ready(&gateway, job.id),
    }
}

/// Waits until the job has ended and its answer is this call's, or time is up. If another call took the answer, the
/// call goes round again: its own answer is another twin's.
pub(crate) async fn answered(
    gateway: &Gateway,
    asked: Box<Asked>,
    call: Call,
    mut accepted: Box<Accepted>,
    until_ms: u64,
) -> Result<(Brief, Waited), ApiError> {
    loop {
        let brief = Brief::of(&accepted.job);
        let known = accepted.job.state.is_final().then(|| accepted.job.state.clone());
        let (again, joined) = (accepted.again, accepted.joined);
        drop(accepted);
        let waited = match known {
            Some(state) => Waited::Ended(state, None),
            None => wait_for(gateway, brief.id, until_ms, joined).await?,
        };
        let Waited::Ended(..) = &waited else { return Ok((brief, waited)) };
        if again || Box::pin(hand_out(&gateway.ports, brief.id, brief.keyed, &call)).await? == HandedOut::Yes {
            return Ok((brief, waited));
        }
        // Boxed, because it is rare and large, and a held call should be neither.
        accepted = Box::new(Box::pin(accept(&gateway.ports, &asked, &call, &|| false)).await?);
    }
}

/// What an answer needs of its job.
#[derive(Debug, Clone)]
pub(crate) struct Brief {
    pub(crate) id: JobId,
    pub(crate) keyed: bool,
    /// The model as the caller names it, where the answer names another.
    pub(crate) renamed: Option<Box<str>>,
    /// Whether its answer was deleted.
    deleted: bool,
}

impl Brief {
    pub(crate) fn of(job: &Job) -> Self {
        let renamed = (job.request.model != job.lane.model).then(|| job.request.model.as_str().into());
        Self { id: job.id, keyed: job.request.keyed, renamed, deleted: job.is_deleted() }
    }

    /// Refuses to give an answer that was deleted.
    pub(crate) fn still_there(&self) -> Result<(), ApiError> {
        if self.deleted { Err(ApiError::deleted(self.id)) } else { Ok(()) }
    }
}

/// Waits for the end of a job whose row was just read, and had not ended. `look_first`: it may have ended since, before
/// this call listened. Without time to wait there is no second look.
pub(crate) async fn wait_for(
    gateway: &Gateway,
    job: JobId,
    until_ms: u64,
    look_first: bool,
) -> Result<Waited, StoreError> {
    if until_ms <= gateway.ports.clock.now_ms() {
        return Ok(Waited::Pending);
    }
    let mut ear = gateway.waiters.listen(job);
    let mut look_now = look_first;
    loop {
        if look_now
            && let Some(row) = Box::pin(look(&gateway.ports, job)).await?
            && row.state.is_final()
        {
            return Ok(Waited::Ended(row.state, None));
        }
        let left_ms = until_ms.saturating_sub(gateway.ports.clock.now_ms());
        if left_ms == 0 {
            return Ok(Waited::Pending);
        }
        let nap = Duration::from_millis(left_ms.min(gateway.rules.look_ms));
        match tokio::time::timeout(nap, &mut ear.finished).await {
            Ok(Ok(finished)) => return Ok(Waited::Ended(finished.state, finished.body)),
            Ok(Err(_)) => return Ok(Waited::Dismissed),
            Err(_) => look_now = true,
        }
    }
}

/// How long this call is held, milliseconds.
pub(crate) fn hold_ms(gateway: &Gateway, wait: Wait) -> u64 {
    let mut hold_ms = match wait {
        Wait { at_most_ms: Some(at_most_ms), .. } => gateway.rules.hold_ms.min(at_most_ms),
        Wait { respond_async: true, .. } => 0,
        Wait { .. } => gateway.rules.hold_ms,
    };
    if gateway.rules.redirect {
        hold_ms = hold_ms.min(LEG_MS);
    }
    match wait.read_timeout_ms {
        Some(client_ms) => hold_ms.min(client_ms.saturating_sub(MARGIN_MS.min(client_ms / 4))),
        None => hold_ms,
    }
}

/// 202: the job's resource is where the answer will be.
fn accepted_response(job: &Brief) -> Response {
    let id = job.id.text();
    let body = serde_json::json!({"id": id, "object": "job", "status": "queued"}).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::ACCEPTED;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let (Ok(location), Ok(id)) = (format!("/v1/jobs/{id}").parse(), id.parse()) {
        headers.insert(LOCATION, location);
        headers.insert(JOB, id);
    }
    headers.insert("preference-applied", HeaderValue::from_static("respond-async"));
    response
}

/// 303 to the job's result, which is held for another leg.
pub(crate) fn see_other(job: JobId, hop: u32) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let (Ok(location), Ok(id)) = (format!("/v1/jobs/{job}/result?hop={hop}").parse(), job.text().parse()) {
        response.headers_mut().insert(LOCATION, location);
        response.headers_mut().insert(JOB, id);
    }
    response
}

/// Not ready: come back, an SDK by itself.
pub(crate) fn not_ready(gateway: &Gateway, job: JobId) -> Response {
    gateway.stats.not_ready();
    pending(gateway, job).into_response()
}

/// The error that says so.
pub(crate) fn pending(gateway: &Gateway, job: JobId) -> ApiError {
    let status = StatusCode::from_u16(gateway.rules.not_ready_status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let message = format!("The result of {job} is pending; repeat the request, or GET /v1/jobs/{job}/result.");
    ApiError::new(status, "result_pending", message).about(job).retry_after(gateway.rules.retry_after_s)
}

/// The result of a job that is known by its id, held for one leg.
pub(crate) async fn held_result(gateway: &Gateway, job: Job, wait: Wait, hop: u32) -> Result<Response, ApiError> {
    let brief = Brief::of(&job);
    let handed = job.joins.handed.is_some();
    let waited = if job.state.is_final() {
        Waited::Ended(job.state, None)
    } else {
        let until_ms = gateway.ports.clock.now_ms() + hold_ms(gateway, wait);
        wait_for(gateway, brief.id, until_ms, true).await?
    };
    match waited {
        Waited::Ended(state, body) => {
            if !handed {
                jobs::picked_up(gateway, &brief).await;
            }
            Ok(answer::respond(gateway, &brief, &state, body).await)
        }
        Waited::Pending if gateway.rules.redirect && (1..HOPS).contains(&hop) => Ok(see_other(brief.id, hop + 1)),
        Waited::Pending | Waited::Dismissed => Ok(not_ready(gateway, brief.id)),
    }
}
