//! `previous_response_id`: the provider knows its own ids, and callers know ours.

use bytes::Bytes;
use offpeak_core::body::{Peek, field};
use offpeak_core::ids::TenantId;
use offpeak_core::job::State;

use super::{find, is_ours};
use crate::answer::outcome;
use crate::error::ApiError;
use crate::gateway::Gateway;
use crate::waiting::Brief;

/// The field.
pub(crate) const FIELD: &str = "previous_response_id";

/// The provider's id of the response that a request goes on from, as raw JSON; `None` where the caller names none of ours.
pub(crate) async fn id(
    gateway: &Gateway,
    tenant: &TenantId,
    (peek, body): (&Peek, &Bytes),
) -> Result<Option<String>, ApiError> {
    let named = peek.raw(body, FIELD).and_then(|raw| serde_json::from_str::<String>(raw).ok());
    let Some(id) = named.filter(|id| is_ours(id)) else { return Ok(None) };
    let refuse = |what| {
        let id: String = id.chars().take(100).collect();
        let message = format!("Previous response with id '{id}' {what}.");
        ApiError::bad_request("previous_response_not_found", Some(FIELD), message)
    };
    let job = find(gateway, tenant, &id).await?.ok_or_else(|| refuse("not found"))?;
    let State::Done(answer) = &job.state else { return Err(refuse("has not completed")) };
    if answer.status >= 400 {
        return Err(refuse("has failed"));
    }
    let (_, body) = outcome(gateway, &Brief::of(&job), &job.state, None).await?;
    field(&body, "id").map(|raw| Some(raw.to_owned())).ok_or_else(|| refuse("has no id at its provider"))
}
