//! `GET /v1/models`: what the routes offer, and who runs it; a wildcard route to a provider lists the upstream's, one to own
//! model servers none, since those are known to their workers only.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Limited};
use offpeak_core::fleet;
use offpeak_core::route::{Route, Target};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::caller::{Auth, authenticate};
use crate::error::ApiError;
use crate::extract::Path;
use crate::gateway::Gateway;
use crate::relay;

/// The longest list of models that is read, bytes.
const LONGEST_LIST: usize = 4 << 20;

/// `GET /v1/models`.
pub(crate) async fn list(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Result<Json<Value>, ApiError> {
    authenticate(&gateway, &headers).await?;
    let mut models: BTreeMap<String, Value> = BTreeMap::new();
    if gateway.routes.0.iter().any(|route| route.model.exact().is_none() && at_provider(route)) {
        for model in upstream(&gateway, &headers).await? {
            let Some(id) = model.get("id").and_then(Value::as_str) else { continue };
            if let Some(route) = gateway.routes.find(id).filter(|route| at_provider(route)) {
                let id = id.to_owned();
                let model = with_targets(model, route, &id);
                models.insert(id, model);
            }
        }
    }
    for route in &gateway.routes.0 {
        if let Some(id) = route.model.exact() {
            models.entry(id.to_owned()).or_insert_with(|| model(id, route));
        }
    }
    Ok(Json(json!({"object": "list", "data": models.into_values().collect::<Vec<_>>()})))
}

/// `GET /v1/models/{id}`.
pub(crate) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    uri: http::Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    authenticate(&gateway, &headers).await?;
    match gateway.routes.find(&id) {
        None => {
            let message = "The model does not exist or you do not have access to it.";
            Err(ApiError::new(StatusCode::NOT_FOUND, "model_not_found", message))
        }
        Some(route) if route.model.exact().is_some() || !at_provider(route) => {
            Ok(Json(model(&id, route)).into_response())
        }
        Some(_) if relay::ambiguous(uri.path()) => Err(ApiError::no_such_url(uri.path())),
        Some(_) => relay::get(&gateway, uri.path(), &headers).await,
    }
}

/// Whether a provider may run what the route takes.
fn at_provider(route: &Route) -> bool {
    route.targets().any(|target| target.provider != fleet::NAME)
}

fn model(id: &str, route: &Route) -> Value {
    let (_, owner) = backend(&route.target);
    let model = json!({"id": id, "object": "model", "created": 0, "owned_by": owner});
    with_targets(model, route, id)
}

/// What kind of backend a target is, and whose: a provider's name, or that of own model servers.
fn backend(target: &Target) -> (&'static str, &str) {
    match fleet::live_provider(&target.provider) {
        Some(provider) => ("live", provider),
        None if target.provider == fleet::NAME => ("fleet", fleet::NAME),
        None => ("provider", &target.provider),
    }
}

/// The model, and beside what OpenAI says of it where it runs: in order of price, each with the longest that it takes.
fn with_targets(mut model: Value, route: &Route, id: &str) -> Value {
    let target = |target: &Target| {
        let (backend, provider) = backend(target);
        let model = target.upstream_model.as_deref().unwrap_or(id);
        let within_s = target.within_ms.div_ceil(1_000);
        json!({"backend": backend, "provider": provider, "model": model, "within_seconds": within_s})
    };
    if let Some(fields) = model.as_object_mut() {
        let targets: Vec<Value> = route.targets().map(target).collect();
        fields.insert("offpeak".to_owned(), json!({"targets": targets}));
    }
    model
}

#[derive(Deserialize)]
struct List {
    data: Vec<Value>,
}

async fn upstream(gateway: &Gateway, headers: &HeaderMap) -> Result<Vec<Value>, ApiError> {
    let refused = || {
        ApiError::new(StatusCode::BAD_GATEWAY, "upstream_models", "The upstream's list of models could not be read.")
    };
    let response = relay::get(gateway, "/v1/models", headers).await?;
    if response.status() == StatusCode::UNAUTHORIZED {
        return Err(if gateway.auth == Auth::Passthrough { ApiError::wrong_key() } else { refused() });
    }
    let body = Limited::new(response.into_body(), LONGEST_LIST).collect().await.map_err(|_| refused())?;
    serde_json::from_slice::<List>(&body.to_bytes()).map(|list| list.data).map_err(|_| refused())
}
