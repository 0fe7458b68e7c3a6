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
use offpeak_core::route::Route;
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
    let at_provider = |route: &Route| route.provider != fleet::NAME;
    if gateway.routes.0.iter().any(|route| route.model.exact().is_none() && at_provider(route)) {
        for model in upstream(&gateway, &headers).await? {
            let Some(id) = model.get("id").and_then(Value::as_str) else { continue };
            if gateway.routes.find(id).is_some_and(at_provider) {
                models.insert(id.to_owned(), model);
            }
        }
    }
    for route in &gateway.routes.0 {
        if let Some(id) = route.model.exact() {
            models.entry(id.to_owned()).or_insert_with(|| model(id, &route.provider));
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
        Some(route) if route.model.exact().is_some() || route.provider == fleet::NAME => {
            Ok(Json(model(&id, &route.provider)).into_response())
        }
        Some(_) if relay::ambiguous(uri.path()) => Err(ApiError::no_such_url(uri.path())),
        Some(_) => relay::get(&gateway, uri.path(), &headers).await,
    }
}

fn model(id: &str, provider: &str) -> Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": provider})
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
