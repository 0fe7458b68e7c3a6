//! What a provider of the OpenAI dialect may write, read with tolerance.
//!
//! No field is required here and no type is insisted on: times are Unix seconds, text or ISO 8601, counts may be null,
//! a status may have any case, an error may be a sentence, a list may lack its envelope. What a caller cannot do
//! without (an id), it checks itself.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Our key in a batch's metadata.
pub(super) const MARKER: &str = "offpeak_submission";

/// Lines at fault that are kept: the port's most.
const LINES: usize = 100;

/// The body of `POST /batches`.
#[derive(Debug, Serialize)]
pub(super) struct CreateBatch<'a> {
    pub(super) input_file_id: &'a str,
    pub(super) endpoint: &'static str,
    pub(super) completion_window: &'static str,
    pub(super) metadata: Metadata,
}

/// The metadata of a batch of ours.
#[derive(Debug, Serialize)]
pub(super) struct Metadata {
    pub(super) offpeak_submission: String,
}

/// A batch, as far as it concerns us.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Batch {
    #[serde(deserialize_with = "text")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) status: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) input_file_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) output_file_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) error_file_id: Option<String>,
    #[serde(rename = "created_at", deserialize_with = "time_ms")]
    pub(super) created_ms: Option<u64>,
    request_counts: Value,
    errors: Value,
    error: Value,
    metadata: Value,
}

/// Why a batch failed, in the provider's words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    /// From 1.
    pub(super) lines: Vec<u64>,
}

impl Batch {
    /// The submission that its metadata names.
    pub(super) fn submission(&self) -> Option<&str> {
        self.metadata.get(MARKER)?.as_str()
    }

    /// One of its counts.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        number(self.request_counts.get(name)?)
    }

    /// The first of its errors, with the lines that all of them name: OpenAI has `errors.data`, others a bare list, an
    /// object or a sentence.
    pub(super) fn fault(&self) -> Fault {
        let data = self.errors.get("data").unwrap_or(&self.errors);
        let Some(all) = data.as_array() else {
            return Fault::read(if self.error.is_null() { data } else { &self.error });
        };
        let mut lines: Vec<u64> = all.iter().filter_map(|error| number(error.get("line")?)).take(LINES).collect();
        lines.dedup();
        Fault { lines, ..all.first().map(Fault::read).unwrap_or_default() }
    }
}

impl Fault {
    /// Reads `{code, type, message}`, or a sentence.
    pub(super) fn read(value: &Value) -> Self {
        if let Some(sentence) = value.as_str() {
            return Self { message: Some(sentence.to_owned()), ..Self::default() };
        }
        let field = |name: &str| value.get(name).and_then(as_text);
        Self { code: field("code").or_else(|| field("type")), message: field("message"), lines: Vec::new() }
    }

    /// Reads the body of an HTTP error: the envelope `{"error": …}` or what stands without it.
    pub(super) fn read_body(body: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let inner = ["error", "detail"].iter().find_map(|name| value.get(name)).unwrap_or(&value);
        Self::read(inner)
    }
}

/// The answer to `POST /batches`: the batch, or Together's `{"job": batch, "warning": …}`.
#[derive(Debug, Deserialize)]
pub(super) struct Created {
    #[serde(default)]
    job: Option<Batch>,
    #[serde(flatten)]
    batch: Batch,
}

impl Created {
    /// The batch's id.
    pub(super) fn id(self) -> Option<String> {
        self.batch.id.or_else(|| self.job.and_then(|job| job.id))
    }
}

/// The answer to `POST /files`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct File {
    #[serde(deserialize_with = "text")]
    pub(super) id: Option<String>,
}

/// A page of batches: OpenAI's envelope, or a bare array.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Page {
    /// With no word on whether more follows: the whole list.
    Bare(Vec<Batch>),
    /// The envelope.
    Envelope {
        /// The batches. Required: what has none is no list, and must not pass for an empty one.
        data: Vec<Batch>,
        /// Whether more follows; unknown where the provider does not say.
        #[serde(default)]
        has_more: Option<bool>,
    },
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(as_text(&Value::deserialize(deserializer)?))
}

fn time_ms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(as_time_ms(&Value::deserialize(deserializer)?))
}

/// Text that is not empty; a number counts as text.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Unix milliseconds of a time in seconds (whole or not, number or text), milliseconds, or ISO 8601.
fn as_time_ms(value: &Value) -> Option<u64> {
    /// A number of seconds this great would be in the year 5138: it means milliseconds.
    const MILLISECONDS_FROM: f64 = 1e11;
    let text = as_text(value)?;
    if let Ok(number) = text.parse::<f64>() {
        let ms = if number < MILLISECONDS_FROM { number * 1000.0 } else { number };
        return u64::try_from(std::time::Duration::try_from_secs_f64(ms / 1000.0).ok()?.as_millis()).ok();
    }
    let instant: jiff::Timestamp = text.parse().or_else(|_| format!("{text}Z").parse()).ok()?;
    u64::try_from(instant.as_millisecond()).ok()
}
