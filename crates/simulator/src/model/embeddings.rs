//! `/v1/embeddings`: a vector of eight numbers that only the input decides.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::text::{self, Text};
use super::{Run, Tokens, Usage};
use crate::digest::{digest, fraction, low_half};
use crate::refusal::Refusal;

/// Numbers in a vector.
const DIMENSIONS: usize = 8;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    encoding_format: Option<Text<'a>>,
}

#[derive(Serialize)]
struct Embeddings<'a> {
    object: &'static str,
    data: Vec<Item>,
    model: &'a str,
    usage: Usage,
    system_fingerprint: &'a str,
}

#[derive(Serialize)]
struct Item {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Floats([f32; DIMENSIONS]),
    Base64(String),
}

/// Answers the request in `body`.
pub(super) fn answer(body: &str, run: &Run, out: &mut Vec<u8>) -> Result<Tokens, Refusal> {
    let request: Request<'_> = super::parse(body)?;
    super::check_model(&request.model.0)?;
    let input = request.input.ok_or_else(|| Refusal::missing("input"))?;
    let encoded = request.encoding_format.is_some_and(|format| format.0 == "base64");
    let items = text::inputs(input).into_iter().enumerate().map(|(index, input)| Item {
        object: "embedding",
        index,
        embedding: vector(&text::input_text(input), encoded),
    });
    let tokens = Tokens { input: Tokens::estimate(input.get().len()), output: 0 };
    let embeddings = Embeddings {
        object: "list",
        data: items.collect(),
        model: &request.model.0,
        usage: Usage::prompt(tokens.input),
        system_fingerprint: &run.fingerprint(),
    };
    super::write_json(out, &embeddings)?;
    Ok(tokens)
}

fn vector(text: &str, encoded: bool) -> Vector {
    let mut seed = low_half(digest(&[text.as_bytes()]));
    let mut floats = [0.0; DIMENSIONS];
    for float in &mut floats {
        seed = seed.wrapping_add(1);
        *float = narrow(fraction(seed) * 2.0 - 1.0);
    }
    if !encoded {
        return Vector::Floats(floats);
    }
    let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
    Vector::Base64(STANDARD.encode(bytes))
}

#[expect(clippy::cast_possible_truncation, reason = "an embedding's numbers have single precision")]
fn narrow(number: f64) -> f32 {
    number as f32
}
