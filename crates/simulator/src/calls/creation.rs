//! `POST /v1/batches`: the one call that spends money, and the one with the most ways to fail.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::Simulator;
use crate::endpoint::Endpoint;
use crate::lifecycle;
use crate::order::{Metadata, Order};
use crate::refusal::Refusal;
use crate::server::CutConnection;
use crate::world::{BATCH_FILE_LIFETIME_S, World};

/// `POST /v1/batches`
///
/// It takes place apart from the connection: a caller who hangs up does not undo what is on its way.
pub(crate) async fn create(State(sim): State<Arc<Simulator>>, body: Bytes) -> Result<Response, Refusal> {
    let creation = tokio::spawn(take_place(sim.world(), body));
    creation.await.unwrap_or_else(|_| Err(Refusal::server_error()))
}

async fn take_place(world: Arc<World>, body: Bytes) -> Result<Response, Refusal> {
    if world.due(|faults| &mut faults.rate_limit_creates) {
        return Err(Refusal::rate_limited("Rate limit reached for batch creations.").retry_after(1));
    }
    if world.due(|faults| &mut faults.create_500_before) {
        return Err(Refusal::server_error());
    }
    let order = order(&body)?;
    world.pause(|faults| faults.create_delay_ms).await;
    let batch = world.create_batch(order);
    let object = batch.object();
    tokio::spawn(lifecycle::live(Arc::clone(&world), batch));
    world.pause(|faults| faults.create_reply_delay_ms).await;
    if world.due(|faults| &mut faults.create_cut_after) {
        return Ok(CutConnection.into_response());
    }
    if world.due(|faults| &mut faults.create_500_after) {
        return Err(Refusal::server_error());
    }
    Ok(Json(object).into_response())
}

/// Reads the order from the body of the call.
fn order(body: &[u8]) -> Result<Order, Refusal> {
    let body: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|_| Refusal::invalid("We could not parse the JSON body of your request."))?;
    let input_file_id = string(&body, "input_file_id")?.to_owned();
    let endpoint = endpoint(string(&body, "endpoint")?)?;
    let window = string(&body, "completion_window")?;
    if window != "24h" {
        let message = format!("Invalid value: '{window}'. Supported values are: '24h' (completion_window).");
        return Err(Refusal::invalid(message).param("completion_window").code("invalid_value"));
    }
    Ok(Order {
        endpoint,
        input_file_id,
        metadata: metadata(body.get("metadata"))?,
        output_lifetime_s: output_lifetime(body.get("output_expires_after"))?,
    })
}

fn string<'a>(body: &'a Map<String, Value>, field: &str) -> Result<&'a str, Refusal> {
    match body.get(field) {
        Some(Value::String(text)) => Ok(text),
        None | Some(Value::Null) => Err(Refusal::missing(field)),
        Some(other) => Err(wrong_type(field, other)),
    }
}

fn endpoint(path: &str) -> Result<Endpoint, Refusal> {
    Endpoint::at(path).ok_or_else(|| {
        let supported = Endpoint::ALL.map(|endpoint| format!("'{}'", endpoint.path())).join(", ");
        let message = format!("Invalid value: '{path}'. Supported values are: {supported}.");
        Refusal::invalid(message).param("endpoint").code("invalid_value")
    })
}

fn metadata(value: Option<&Value>) -> Result<Option<Metadata>, Refusal> {
    let pairs = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(pairs)) => pairs,
        Some(other) => return Err(wrong_type("metadata", other)),
    };
    let mut metadata = Metadata::new();
    for (key, value) in pairs {
        let param = format!("metadata.{key}");
        let Value::String(value) = value else { return Err(wrong_type(&param, value)) };
        if key.chars().count() > 64 || value.chars().count() > 512 {
            let message = format!("Invalid '{param}': string too long.");
            return Err(Refusal::invalid(message).param(param).code("string_above_max_length"));
        }
        metadata.insert(key.clone(), value.clone());
    }
    if metadata.len() > 16 {
        let message = "Invalid 'metadata': too many properties. Expected at most 16.";
        return Err(Refusal::invalid(message).param("metadata").code("object_above_max_properties"));
    }
    Ok(Some(metadata))
}

fn output_lifetime(value: Option<&Value>) -> Result<u64, Refusal> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(BATCH_FILE_LIFETIME_S) };
    let seconds = value.get("seconds").and_then(Value::as_u64).filter(|seconds| (3_600..=2_592_000).contains(seconds));
    seconds.ok_or_else(|| {
        Refusal::invalid("Invalid 'output_expires_after.seconds': expected 3600 to 2592000.")
            .param("output_expires_after.seconds")
            .code("invalid_value")
    })
}

fn wrong_type(param: &str, value: &Value) -> Refusal {
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    let expected = if param == "metadata" { "an object" } else { "a string" };
    let message = format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
    Refusal::invalid(message).param(param).code("invalid_type")
}
