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
    categories: Each<bool>,
    category_scores: Each<f64>,
    category_applied_input_types: Each<[&'static str; 1]>,
}

/// A value for each category: one for the first, which `bad` belongs to, and one for the others.
struct Each<V> {
    first: V,
    others: V,
}

impl<V: Serialize> Serialize for Each<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(CATEGORIES.len()))?;
        for (place, category) in CATEGORIES.iter().enumerate() {
            map.serialize_entry(category, if place == 0 { &self.first } else { &self.others })?;
        }
        map.end()
    }
}

impl Verdict {
    fn new(flagged: bool) -> Self {
        Self {
            flagged,
            categories: Each { first: flagged, others: false },
            category_scores: Each { first: if flagged { 0.98 } else { 0.01 }, others: 0.01 },
            category_applied_input_types: Each { first: ["text"], others: ["text"] },
        }
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
