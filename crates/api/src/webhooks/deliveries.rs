//! `/v1/webhook_deliveries`: what was given up, and can be sent again. Ours: OpenAI shows it in its dashboard.

use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use offpeak_core::flows::notices;
use offpeak_core::ids::NoticeId;
use offpeak_core::notice::{Notice, State as Stage};
use offpeak_core::ports::StoreError;
use serde::Serialize;

use super::{PAGE, deliver};
use crate::caller::authenticate;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::gateway::Gateway;
use crate::paging::{Listed, Listing, PageView, limit};

/// What was to be delivered to one endpoint.
#[derive(Serialize)]
pub(crate) struct DeliveryView {
    id: String,
    object: &'static str,
    created_at: u64,
    event_id: String,
    event_type: &'static str,
    object_id: String,
    webhook_endpoint_id: Option<String>,
    attempts: u32,
    status: &'static str,
    last_error: Option<String>,
}

impl From<Notice> for DeliveryView {
    fn from(notice: Notice) -> Self {
        Self {
            id: notice.id.text(),
            object: "webhook_delivery",
            created_at: notice.created_ms / 1_000,
            event_id: notice.event_id().text(),
            event_type: notice.event.name(),
            object_id: notice.subject.object_id(notice.event),
            webhook_endpoint_id: notice.receiver().map(|receiver| receiver.text()),
            attempts: notice.attempts,
            status: match notice.state {
                Stage::Owed => "pending",
                Stage::Delivered { .. } => "delivered",
                Stage::Dead { .. } => "failed",
                Stage::Void { .. } => "void",
            },
            last_error: notice.last,
        }
    }
}

impl Listed for DeliveryView {
    fn id(&self) -> &str {
        &self.id
    }
}

fn missing(id: &str) -> ApiError {
    let id: String = id.chars().take(100).collect();
    ApiError::no_such(format!("No failed webhook delivery found with id '{id}'."))
}

fn parsed(id: &str) -> Result<NoticeId, ApiError> {
    NoticeId::from_str(id).map_err(|_| missing(id))
}

/// `GET /v1/webhook_deliveries`: those that failed for good, newest first.
pub(crate) async fn list(
    State(gateway): State<Arc<Gateway>>,
    Query(listing): Query<Listing>,
    headers: HeaderMap,
) -> Result<Json<PageView<DeliveryView>>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    deliver(&gateway)?;
    let (most, default) = PAGE;
    let limit = limit(listing.limit.as_deref(), most, default)?;
    let after = listing.after.as_deref().map(parsed).transpose()?;
    let page = gateway.ports.notices.dead(&caller.tenant, after, limit).await.map_err(|error| match error {
        StoreError::NotFound => missing(listing.after.as_deref().unwrap_or("")),
        error @ (StoreError::Unavailable(_) | StoreError::Corrupt(_) | _) => error.into(),
    })?;
    Ok(Json(PageView::new(page.notices.into_iter().map(DeliveryView::from).collect(), page.has_more)))
}

/// `POST /v1/webhook_deliveries/{id}/replay`: it is sent again, as if it were new.
pub(crate) async fn replay(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Json<DeliveryView>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    deliver(&gateway)?;
    let again = notices::replay(&gateway.ports, &caller.tenant, parsed(&id)?).await?;
    again.map(|notice| Json(notice.into())).ok_or_else(|| missing(&id))
}
