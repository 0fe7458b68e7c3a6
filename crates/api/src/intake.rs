//! A POST that becomes a job: authenticate, read, route, accept; then wait as the caller chose.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use offpeak_core::body::{Peek, peek, upstream, with_fields};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::flows::accept::{Accepted, Asked, Call, accept};
use offpeak_core::ids::RequestId;
use offpeak_core::job::Handed;
use offpeak_core::job::identity::body_sha256;
use offpeak_core::route::Wanted;
use tokio::sync::SemaphorePermit;

use crate::caller::{Caller, authenticate};
use crate::error::ApiError;
use crate::gateway::Gateway;
use crate::headers::{Wait, Wishes, wishes};
use crate::responses::{self, Echo, previous};
use crate::{stream, waiting, webhooks};

/// For a whole body to arrive: whoever sends more slowly keeps memory from others.
const READ: Duration = Duration::from_mins(1);

/// A request that became a job, and how its caller waits.
pub(crate) struct Ticket {
    /// What was asked: needed again if another call took the answer.
    pub(crate) asked: Box<Asked>,
    pub(crate) call: Call,
    pub(crate) accepted: Box<Accepted>,
    pub(crate) wait: Wait,
    pub(crate) stream: Option<stream::Shape>,
    /// Where the answer is fetched later: what the response says of its request.
    pub(crate) background: Option<Box<Echo>>,
    pub(crate) began_ms: u64,
}

/// Handles `POST` on an endpoint whose calls become jobs.
pub(crate) async fn create(State(gateway): State<Arc<Gateway>>, endpoint: Endpoint, request: Request) -> Response {
    // Boxed and dropped before the wait: a held call keeps its ticket and no more.
    let ticket = match Box::pin(take_in(&gateway, endpoint, request)).await {
        Ok(ticket) => ticket,
        Err(error) => {
            gateway.stats.refused();
            return error.into_response();
        }
    };
    gateway.stats.accepted();
    if ticket.background.is_some() {
        return Box::pin(responses::begin(gateway, ticket)).await;
    }
    match ticket.stream {
        Some(shape) if gateway.rules.stream_hold_ms != Some(0) => stream::respond(gateway, ticket, shape),
        Some(_) | None => waiting::respond(gateway, ticket).await,
    }
}

async fn take_in(gateway: &Gateway, endpoint: Endpoint, request: Request) -> Result<Ticket, ApiError> {
    let (parts, body) = request.into_parts();
    let caller = authenticate(gateway, &parts.headers).await?;
    let began_ms = gateway.ports.clock.now_ms();
    let wishes = wishes(&parts.headers, began_ms)?;
    let (body, _buffered) = read(gateway, parts, body).await?;
    // One permit for each accept, so that a rush costs no more memory than this many need at once.
    let _permit = gateway.accepting.acquire().await.map_err(|_| ApiError::going_down())?;
    let peek = peek(endpoint, &body)?;
    let stream = if peek.stream { stream::Shape::of(endpoint, peek.include_usage) } else { None };
    let call = Call {
        request: RequestId(gateway.ports.random.bits()),
        retry_count: wishes.retry_count,
        polls: gateway.rules.not_ready_status == 422,
    };
    let wait = wishes.wait;
    let webhook = wishes.webhook.clone();
    let previous = Box::pin(previous::id(gateway, &caller.tenant, (&peek, &body))).await?;
    let background = if peek.background { Some(Box::new(Echo::of(&peek, &body)?)) } else { None };
    let mut asked = Box::new(ask(gateway, &caller, endpoint, wishes, (peek, body, previous))?);
    // Who is told the id has the answer: a retry gets the same id, and the next equal request its own.
    let Call { request, retry_count, .. } = call;
    asked.webhook = webhooks::named(gateway, &caller.tenant, webhook, asked.deadline_ms).await?;
    asked.handed = background.is_some().then_some(Handed { request, retry_count, at_ms: began_ms });
    let accepted = Box::new(Box::pin(accept(&gateway.ports, &asked, &call, &|| false)).await?);
    Ok(Ticket { asked, call, accepted, wait, stream, background, began_ms })
}

/// Routes a request that was read.
fn ask(
    gateway: &Gateway,
    caller: &Caller,
    endpoint: Endpoint,
    wishes: Wishes,
    (peek, body, previous): (Peek, Bytes, Option<String>),
) -> Result<Asked, ApiError> {
    let Some(route) = gateway.routes.find(&peek.model) else {
        let message = format!("The model `{}` does not exist or you do not have access to it.", peek.model);
        return Err(ApiError::new(StatusCode::NOT_FOUND, "model_not_found", message));
    };
    let class = wishes.class.unwrap_or_else(|| route.class.clone());
    if !gateway.ports.settings.classes.contains_key(&class) {
        let known: Vec<_> = gateway.ports.settings.classes.keys().cloned().collect();
        let message = format!("There is no class of that name; there are: {}.", known.join(", "));
        return Err(ApiError::bad_request("unknown_class", None, message));
    }
    let lifetime_ms = route.deadline_ms.unwrap_or(gateway.rules.deadline_ms);
    let now_ms = gateway.ports.clock.now_ms();
    let deadline_ms = wishes.deadline_ms.unwrap_or(now_ms + lifetime_ms);
    let wanted = Wanted {
        endpoint,
        model: &peek.model,
        class,
        left_ms: deadline_ms.saturating_sub(now_ms),
        private: wishes.private,
        credential: caller.credential.clone(),
    };
    let Some(lane) = route.lane(wanted) else { return Err(no_private_target(&peek.model)) };
    let sent = upstream(&body, &peek, Some(lane.model.as_str()).filter(|name| *name != peek.model));
    let sent = previous.and_then(|id| with_fields(&sent, &[(previous::FIELD, &id)])).unwrap_or(sent);
    Ok(Asked {
        tenant: caller.tenant.clone(),
        lane,
        body_sha256: body_sha256(&body),
        size: peek.size(endpoint, sent.len()),
        // A copy: it may share hyper's read buffer, which a held call would keep alive.
        body: Bytes::copy_from_slice(&sent),
        deadline_ms,
        key: wishes.key,
        tag: wishes.tag,
        webhook: None,
        handed: None,
        model: peek.model,
    })
}

/// What is private was asked of a model that runs nowhere but at providers.
fn no_private_target(model: &str) -> ApiError {
    let message = format!("The model `{model}` runs on no model server of your own, and this request is private.");
    ApiError::bad_request("no_private_target", Some("model"), message)
}

/// Reads a JSON body, as soon as there is room for it; the room is kept with the permit.
pub(crate) async fn read(
    gateway: &Gateway,
    parts: Parts,
    body: Body,
) -> Result<(Bytes, SemaphorePermit<'_>), ApiError> {
    let limit = gateway.rules.max_body_bytes;
    let kib = u32::try_from(check(&parts.headers, limit)?.div_ceil(1_024)).unwrap_or(u32::MAX);
    // The head shares hyper's read buffer.
    drop(parts);
    let room = gateway.buffering.acquire_many(kib).await.map_err(|_| ApiError::going_down())?;
    match tokio::time::timeout(READ, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok((collected.to_bytes(), room)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(ApiError::bad_request("incomplete_body", None, "The request body ended early.")),
        Err(_) => {
            let message = format!("The request body did not arrive within {} s.", READ.as_secs());
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message).retry_after(1))
        }
    }
}

/// Refuses by the head what need not be read, and says how many bytes may come.
fn check(headers: &HeaderMap, limit: usize) -> Result<usize, ApiError> {
    let unsupported = |message| ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message);
    if let Some(kind) = headers.get(CONTENT_TYPE) {
        let kind = kind.to_str().unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        if kind != "application/json" && !(kind.starts_with("application/") && kind.ends_with("+json")) {
            return Err(unsupported("The Content-Type must be application/json."));
        }
    }
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(unsupported("A Content-Encoding is not supported here; send the body as it is."));
    }
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    match declared.unwrap_or(limit) {
        declared if declared > limit => Err(too_large(limit)),
        declared => Ok(declared),
    }
}

fn too_large(limit: usize) -> ApiError {
    let message = format!("The request body is larger than {limit} bytes.");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
}
