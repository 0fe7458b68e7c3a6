//! `/v1/moderations`: flags what contains `bad`.

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::text::{self, Text};
use super::{Run, Tokens};
use crate::refusal::Refusal;

/// The model where none is named.
const DEFAULT_MODEL: &str = "omni-moderation-latest";

/// What can be found fault with; `bad` is harassment.
const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Moderation<'a> {
    id: &'a str,
    model: &'a str,
    results: Vec<Verdict>,
    system_fingerprint: &'a str,
}

#[derive(Serialize)]
struct Verdict {
    flagged: bool,
    #[serde(serialize_with = "flags")]
    categories: bool,
    #[serde(serialize_with = "scores")]
    category_scores: bool,
    #[serde(serialize_with = "kinds")]
    category_applied_input_types: bool,
}

impl Verdict {
    fn new(flagged: bool) -> Self {
        Self { flagged, categories: flagged, category_scores: flagged, category_applied_input_types: flagged }
    }
}

/// Answers the request in `body`.
pub(super) fn answer(body: &str, run: &Run, out: &mut Vec<u8>) -> Result<Tokens, Refusal> {
    let mut request: Request<'_> = super::parse(body)?;
    if request.model.0.is_empty() {
        request.model.0 = DEFAULT_MODEL.into();
    }
    super::check_model(&request.model.0)?;
    let input = request.input.ok_or_else(|| Refusal::missing("input"))?;
    let moderation = Moderation {
        id: &run.id("modr-"),
        model: &request.model.0,
        results: verdicts(input),
        system_fingerprint: &run.fingerprint(),
    };
    super::write_json(out, &moderation)?;
    Ok(Tokens::default())
}

/// One verdict for each text; one for all the parts of a single input.
fn verdicts(input: &RawValue) -> Vec<Verdict> {
    let inputs = text::inputs(input);
    let bad = |input: &&RawValue| text::input_text(input).contains("bad");
    if inputs.first().is_some_and(|first| first.get().starts_with('{')) {
        return vec![Verdict::new(inputs.iter().any(bad))];
    }
    inputs.iter().map(|input| Verdict::new(bad(input))).collect()
}

/// Writes a value for each category: `hit` for the flagged one, else `miss`.
fn each<S: Serializer, V: Serialize>(serializer: S, flagged: bool, hit: &V, miss: &V) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(CATEGORIES.len()))?;
    for (place, category) in CATEGORIES.iter().enumerate() {
        map.serialize_entry(category, if flagged && place == 0 { hit } else { miss })?;
    }
    map.end()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn flags<S: Serializer>(flagged: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    each(serializer, *flagged, &true, &false)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn scores<S: Serializer>(flagged: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    each(serializer, *flagged, &0.98, &0.01)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn kinds<S: Serializer>(_: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    each(serializer, false, &["text"], &["text"])
}
