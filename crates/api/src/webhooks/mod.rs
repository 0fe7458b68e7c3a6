//! `/v1/webhook_endpoints`: where a tenant wants to be told, as the SDK's `client.webhooks` manages it; and, of our own,
//! `/v1/webhook_deliveries`: what could not be delivered.

mod deliveries;
mod view;

use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use offpeak_core::flows::notices::{self, Changes, ChooseError, MAX_NAME_BYTES, NewReceiver, ReceiverError};
use offpeak_core::ids::{ReceiverId, TenantId};
use offpeak_core::notice::{EventType, Webhook};
use offpeak_core::ports::{Deliver, Delivered, NotAdmitted};
use secrecy::SecretString;
use serde_json::value::RawValue;

pub(crate) use deliveries::{list as list_dead, replay};

use crate::caller::authenticate;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::fields::{Fields, missing as missing_field, short, unsupported, wrong_type};
use crate::gateway::Gateway;
use crate::intake;
use crate::paging::{Listing, PageView, limit};
use view::{EndpointView, EventTypes, Gone, Tested};

/// The largest page of a listing, and what is given if nothing is said (openai-python 3.52.0, read 2026-11-28).
const PAGE: (usize, usize) = (100, 20);

/// The longest URL, bytes.
const LONGEST_URL: usize = 2_048;

/// What is not there, and what is another tenant's.
fn missing(id: &str) -> ApiError {
    let id: String = id.chars().take(100).collect();
    ApiError::no_such(format!("No webhook endpoint found with id '{id}'."))
}

fn parsed(id: &str) -> Result<ReceiverId, ApiError> {
    ReceiverId::from_str(id).map_err(|_| missing(id))
}

/// What sends, where this gateway tells tenants at all.
fn deliver(gateway: &Gateway) -> Result<&dyn Deliver, ApiError> {
    gateway.abilities.deliver.as_deref().ok_or_else(|| {
        let message = "This deployment sends no webhooks: deploy it with the parameter Webhooks=true.";
        ApiError::new(StatusCode::NOT_IMPLEMENTED, "webhooks_disabled", message)
    })
}

fn refused(error: ReceiverError, id: &str) -> ApiError {
    match error {
        ReceiverError::NotFound => missing(id),
        ReceiverError::TooMany => {
            ApiError::bad_request("too_many_endpoints", None, format!("Cannot add one: {error}."))
        }
        ReceiverError::NotAdmitted(why) => not_admitted(why),
        ReceiverError::Store(error) => error.into(),
        _ => ApiError::bad_request("invalid_value", None, "The webhook endpoint cannot be kept."),
    }
}

fn not_admitted(why: NotAdmitted) -> ApiError {
    ApiError::bad_request("invalid_value", Some("url"), format!("Invalid 'url': {why}."))
}

/// Whom a request's header names. `until_ms` is the deadline of the job that it becomes, Unix milliseconds; 0 for a batch.
pub(crate) async fn named(
    gateway: &Gateway,
    tenant: &TenantId,
    header: Option<String>,
    until_ms: u64,
) -> Result<Option<Webhook>, ApiError> {
    let Some(header) = header else { return Ok(None) };
    deliver(gateway)?;
    match notices::choose(&gateway.ports, tenant, &header, until_ms).await {
        Ok(webhook) => Ok(Some(webhook)),
        Err(ChooseError::Store(error)) => Err(error.into()),
        Err(_) => {
            let message = "The header x-offpeak-webhook must be the id of one of your webhook endpoints, or a URL at the \
                           origin of one (POST /v1/webhook_endpoints).";
            Err(ApiError::bad_request("invalid_header", None, message))
        }
    }
}

/// A new secret, as receivers' libraries take it: 32 bytes (Standard Webhooks 1.0.0 asks for 24 to 64).
fn secret(gateway: &Gateway) -> (SecretString, String) {
    let random = &gateway.ports.random;
    let text = format!("whsec_{}", STANDARD.encode([random.bits(), random.bits()].concat()));
    (SecretString::from(text.clone()), text)
}

/// The caller, and the fields of its body.
async fn read(gateway: &Gateway, request: Request) -> Result<(TenantId, Fields), ApiError> {
    let (parts, body) = request.into_parts();
    let caller = authenticate(gateway, &parts.headers).await?;
    let (body, _buffered) = intake::read(gateway, parts, body).await?;
    let fields = Fields::of(if body.is_empty() { b"{}" } else { &body })?;
    Ok((caller.tenant, fields))
}

/// What is said of an endpoint.
fn said(mut fields: Fields) -> Result<Changes, ApiError> {
    let url: Option<String> = fields.take("url", "a string")?;
    let name: Option<String> = fields.take("name", "a string")?;
    let events = fields.raw("event_types").map(|raw| events(&raw)).transpose()?;
    fields.finish()?;
    if let Some(url) = &url {
        short("url", url, LONGEST_URL)?;
    }
    if let Some(name) = &name {
        short("name", name, MAX_NAME_BYTES)?;
    }
    Ok(Changes { name, url, events })
}

fn events(raw: &RawValue) -> Result<Vec<EventType>, ApiError> {
    let names: Vec<String> =
        serde_json::from_str(raw.get()).map_err(|_| wrong_type("event_types", "an array of strings", raw.get()))?;
    let mut events = Vec::new();
    for name in names {
        let event = event(&format!("event_types[{}]", events.len()), &name)?;
        if !events.contains(&event) {
            events.push(event);
        }
    }
    Ok(events)
}

fn event(param: &str, name: &str) -> Result<EventType, ApiError> {
    let known = EventType::ALL.iter().map(|event| event.name());
    name.parse().map_err(|_| unsupported(param, name, known))
}

/// `POST /v1/webhook_endpoints`.
pub(crate) async fn create(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Result<Json<EndpointView>, ApiError> {
    let (tenant, fields) = read(&gateway, request).await?;
    let deliver = deliver(&gateway)?;
    let said = said(fields)?;
    let needed = |name| move || missing_field(name);
    let (secret, text) = secret(&gateway);
    let new = NewReceiver {
        name: said.name.ok_or_else(needed("name"))?,
        url: said.url.ok_or_else(needed("url"))?,
        events: said.events.ok_or_else(needed("event_types"))?,
        secret,
    };
    let receiver = notices::create(&gateway.ports, deliver, &tenant, new).await;
    receiver.map(|receiver| Json(EndpointView::with_secret(receiver, text))).map_err(|error| refused(error, ""))
}

/// `GET /v1/webhook_endpoints`: newest first.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Query(listing): Query<Listing>,
    headers: HeaderMap,
) -> Result<Json<PageView<EndpointView>>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    deliver(&gateway)?;
    let (most, default) = PAGE;
    let limit = limit(listing.limit.as_deref(), most, default)?;
    let mut all = notices::list(&gateway.ports, &caller.tenant).await?;
    all.reverse();
    if let Some(after) = &listing.after {
        let after = parsed(after)?;
        let place = all.iter().position(|receiver| receiver.id == after);
        all.drain(..=place.ok_or_else(|| missing(&after.text()))?);
    }
    let has_more = all.len() > limit;
    Ok(Json(PageView::new(all.into_iter().take(limit).map(EndpointView::from).collect(), has_more)))
}

/// `GET /v1/webhook_endpoints/{id}`.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Json<EndpointView>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    deliver(&gateway)?;
    let receiver = notices::get(&gateway.ports, &caller.tenant, parsed(&id)?).await;
    receiver.map(|receiver| Json(receiver.into())).map_err(|error| refused(error, &id))
}

/// `POST /v1/webhook_endpoints/{id}`.
pub(crate) async fn update(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    request: Request,
) -> Result<Json<EndpointView>, ApiError> {
    let (tenant, fields) = read(&gateway, request).await?;
    let (deliver, changes) = (deliver(&gateway)?, said(fields)?);
    let receiver = notices::update(&gateway.ports, deliver, (&tenant, parsed(&id)?), changes).await;
    receiver.map(|receiver| Json(receiver.into())).map_err(|error| refused(error, &id))
}

/// `DELETE /v1/webhook_endpoints/{id}`.
pub(crate) async fn delete(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Json<Gone>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    deliver(&gateway)?;
    let removed = notices::remove(&gateway.ports, &caller.tenant, parsed(&id)?).await;
    removed.map_err(|error| refused(error, &id))?;
    Ok(Json(Gone::new(id)))
}

/// `POST /v1/webhook_endpoints/{id}/rotate_secret`.
pub(crate) async fn rotate(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    request: Request,
) -> Result<Json<EndpointView>, ApiError> {
    let (tenant, mut fields) = read(&gateway, request).await?;
    deliver(&gateway)?;
    let keep_old = fields.take("keep_old_secret_active_for_24_hours", "a boolean")?.unwrap_or(false);
    fields.finish()?;
    let (secret, text) = secret(&gateway);
    let receiver = notices::rotate(&gateway.ports, (&tenant, parsed(&id)?), &secret, keep_old).await;
    receiver.map(|receiver| Json(EndpointView::with_secret(receiver, text))).map_err(|error| refused(error, &id))
}

/// `POST /v1/webhook_endpoints/{id}/test`: whatever the endpoint answers is the answer; that it gives none is an error.
pub(crate) async fn test(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    request: Request,
) -> Result<Json<Tested>, ApiError> {
    let (tenant, mut fields) = read(&gateway, request).await?;
    let deliver = deliver(&gateway)?;
    let event = event("event_type", &fields.text("event_type")?)?;
    fields.finish()?;
    let tried = notices::test(&gateway.ports, deliver, (&tenant, parsed(&id)?), event).await;
    let unsent = |why: String| {
        let message = format!("The webhook endpoint was not reached: {why}.");
        ApiError::new(StatusCode::BAD_REQUEST, "webhook_endpoint_unreachable", message)
    };
    match tried.map_err(|error| refused(error, &id))? {
        Delivered::Answered { status } => Ok(Json(Tested::new(id, event, status))),
        Delivered::Forbidden(why) => Err(unsent(why.to_string())),
        Delivered::Unanswered(silence) => Err(unsent(silence.to_string())),
        Delivered::Unsendable => Err(unsent("its secret cannot sign".to_owned())),
    }
}

/// `GET /v1/webhook_event_types`.
pub(crate) async fn event_types(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Json<EventTypes>, ApiError> {
    authenticate(&gateway, &headers).await?;
    Ok(Json(EventTypes::all()))
}
