//! `POST /v1/batches`: what can be refused without reading the input is refused at once, in OpenAI's words.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use jiff::{Span, SpanRelativeTo};
use offpeak_core::batch::Asked;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::file::EXPIRY_S;
use offpeak_core::flows::batches::{self, CreateError, MAX_WINDOW_MS, NewBatch};
use offpeak_core::ids::NativeFileId;
use offpeak_core::notice::Webhook;

use super::inline;
use super::view::BatchView;
use crate::caller::{Caller, authenticate};
use crate::error::ApiError;
use crate::fields::{Fields, missing, short, unsupported, within};
use crate::gateway::{BatchRules, Gateway};
use crate::{headers, intake, webhooks};

/// The window that OpenAI knows.
const DAY: &str = "24h";
const DAY_MS: u64 = 86_400_000;

/// The longest name of what is no file, characters.
const LONGEST_NAME: usize = 256;

/// The shortest window, where windows other than [`DAY`] are taken.
const SHORTEST_MS: u64 = 60_000;

/// What a caller may note (OpenAI's description of its API, read 2026-11-20).
const MAX_NOTES: usize = 16;
const LONGEST_NOTE: (usize, usize) = (64, 512);

/// What was asked for, but for its input.
struct Said {
    endpoint: Endpoint,
    window: String,
    window_ms: u64,
    metadata: Option<BTreeMap<String, String>>,
    output_expires_after_ms: Option<u64>,
    private: bool,
}

/// `POST /v1/batches`.
pub(crate) async fn create(State(gateway): State<Arc<Gateway>>, request: Request) -> Result<Json<BatchView>, ApiError> {
    let (parts, body) = request.into_parts();
    let caller = authenticate(&gateway, &parts.headers).await?;
    let key = headers::idempotency_key(&parts.headers)?;
    let (named, private) = (headers::webhook(&parts.headers)?, headers::private(&parts.headers)?);
    let webhook = webhooks::named(&gateway, &caller.tenant, named, 0).await?;
    let (body, _buffered) = intake::read(&gateway, parts, body).await?;
    let mut fields = Fields::of(&body)?;
    let lines = inline::lines(&mut fields)?;
    let named: Option<String> = fields.take("input_file_id", "a string")?;
    if lines.is_some() && named.is_some() {
        let message = "A batch has either 'input_file_id' or 'requests', not both.";
        return Err(ApiError::bad_request("invalid_value", Some("requests"), message));
    }
    let said = read(fields, gateway.rules.batches, lines.is_some() || named.is_some())?;
    let said = Said { private, ..said };
    let is_inline = lines.is_some();
    let input = match (lines, named) {
        (Some(lines), _) => (inline::store(&gateway, &caller, lines, key.as_deref()).await?, None),
        (None, Some(named)) => input(named)?,
        (None, None) => return Err(missing("input_file_id")),
    };
    let new = new(&gateway, (caller, webhook), said, input, key);
    match batches::create(&gateway.ports, new.clone()).await {
        Ok(batch) => Ok(Json(batch.into())),
        Err(CreateError::KeyReused) => {
            if is_inline {
                inline::forget(&gateway, &new).await?;
            }
            Err(ApiError::key_reused())
        }
        Err(CreateError::Store(error)) => Err(error.into()),
    }
}

fn new(
    gateway: &Gateway,
    (caller, webhook): (Caller, Option<Webhook>),
    said: Said,
    (input, misnamed): (NativeFileId, Option<String>),
    key: Option<String>,
) -> NewBatch {
    NewBatch {
        tenant: caller.tenant,
        window_ms: said.window_ms,
        key,
        asked: Asked {
            endpoint: said.endpoint,
            input,
            misnamed,
            retry_of: None,
            window: said.window,
            metadata: said.metadata,
            output_expires_after_ms: said.output_expires_after_ms,
            credential: caller.credential,
            rule: gateway.rules.batches.input,
            private: said.private,
            webhook,
            outbox: None,
        },
    }
}

/// The file that a text names. One that is no id of ours names a file that nobody has: the batch says so when it is
/// validated, as at OpenAI.
fn input(named: String) -> Result<(NativeFileId, Option<String>), ApiError> {
    if let Ok(id) = named.parse() {
        return Ok((id, None));
    }
    short("input_file_id", &named, LONGEST_NAME)?;
    Ok((NativeFileId([0xff; 16]), Some(named)))
}

/// Reads everything but the input, which OpenAI asks for first where it is missing.
fn read(mut fields: Fields, rules: BatchRules, has_input: bool) -> Result<Said, ApiError> {
    if !has_input {
        return Err(missing("input_file_id"));
    }
    let path = fields.text("endpoint")?;
    let endpoint =
        Endpoint::from_path(&path).ok_or_else(|| unsupported("endpoint", &path, Endpoint::ALL.map(Endpoint::path)))?;
    let window = fields.text("completion_window")?;
    let window_ms = window_ms(&window, rules)?;
    let metadata = fields.object("metadata")?.map(notes).transpose()?;
    let output_expires_after_ms = fields.object("output_expires_after")?.map(output_expires_after).transpose()?;
    fields.finish()?;
    Ok(Said { endpoint, window, window_ms, metadata, output_expires_after_ms, private: false })
}

fn window_ms(window: &str, rules: BatchRules) -> Result<u64, ApiError> {
    if window == DAY {
        return Ok(DAY_MS);
    }
    if !rules.any_window {
        return Err(unsupported("completion_window", window, [DAY]));
    }
    let span = window.parse::<Span>().ok().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let asked = span.and_then(|span| u64::try_from(span.as_millis()).ok());
    asked.filter(|asked_ms| (SHORTEST_MS..=MAX_WINDOW_MS).contains(asked_ms)).ok_or_else(|| {
        let message = "Invalid value for 'completion_window': expected a duration such as '24h' or '3d', from 1 minute \
                       to 13 days.";
        ApiError::bad_request("invalid_value", Some("completion_window"), message)
    })
}

fn notes(fields: Fields) -> Result<BTreeMap<String, String>, ApiError> {
    let count = fields.len();
    if count > MAX_NOTES {
        let message = format!(
            "Invalid 'metadata': too many properties. Expected an object with at most {MAX_NOTES} properties, but got an \
             object with {count} properties instead."
        );
        return Err(ApiError::bad_request("object_above_max_properties", Some("metadata"), message));
    }
    let notes = fields.texts()?;
    for (name, note) in &notes {
        short(&format!("metadata.{name}"), name, LONGEST_NOTE.0)?;
        short(&format!("metadata.{name}"), note, LONGEST_NOTE.1)?;
    }
    Ok(notes)
}

fn output_expires_after(mut fields: Fields) -> Result<u64, ApiError> {
    let anchor = fields.text("anchor")?;
    if anchor != "created_at" {
        return Err(unsupported("output_expires_after.anchor", &anchor, ["created_at"]));
    }
    let seconds = fields.needed("seconds", "an integer")?;
    fields.finish()?;
    within("output_expires_after.seconds", seconds, &EXPIRY_S).map(|seconds| seconds * 1_000)
}
