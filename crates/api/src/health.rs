//! For operators: alive, ready, and counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::caller::authenticate;
use crate::error::ApiError;
use crate::gateway::Gateway;

/// `GET /healthz`: the process answers.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the stores answer too.
pub(crate) async fn ready(State(gateway): State<Arc<Gateway>>) -> Result<&'static str, ApiError> {
    for class in gateway.ports.settings.classes.keys() {
        gateway.ports.intake.depth(class).await.map_err(|_| {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "A store does not answer.").retry_after(1)
        })?;
    }
    Ok("ready\n")
}

/// `GET /stats`: counts since the start, jobs by state, and latencies, for whoever may call.
pub(crate) async fn stats(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Result<Json<Value>, ApiError> {
    authenticate(&gateway, &headers).await?;
    let mut jobs = BTreeMap::new();
    if let Some(walk) = &gateway.abilities.walk {
        jobs.extend(walk.counts().await?.into_iter().map(|(kind, count)| (kind.name(), count)));
    }
    let mut submissions: BTreeMap<&str, u64> = BTreeMap::new();
    for id in gateway.ports.submissions.open().await? {
        if let Some(row) = gateway.ports.submissions.get(id).await? {
            *submissions.entry(row.state.kind().name()).or_default() += 1;
        }
    }
    let mut queues = BTreeMap::new();
    for class in gateway.ports.settings.classes.keys() {
        let depth = gateway.ports.intake.depth(class).await?;
        queues.insert(class, json!({"visible": depth.visible, "hidden": depth.hidden}));
    }
    Ok(Json(json!({
        "requests": gateway.stats.counts(),
        "held": gateway.waiters.held(),
        "jobs": jobs,
        "open_submissions": submissions,
        "queues": queues,
        "latency_ms": gateway.stats.latency(),
    })))
}
