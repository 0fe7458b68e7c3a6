//! `/v1/images/generations` and `/v1/images/edits`: pictures of a few bytes that only the request decides.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::text::Text;
use super::{Run, Tokens};
use crate::digest::digest;
use crate::refusal::Refusal;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    model: Text<'a>,
    #[serde(borrow, default)]
    prompt: Option<Text<'a>>,
    #[serde(borrow, default)]
    images: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    n: Option<u32>,
}

#[derive(Serialize)]
struct Images {
    created: u64,
    data: Vec<Image>,
    usage: Usage,
}

#[derive(Serialize)]
struct Image {
    b64_json: String,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those on the wire")]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
}

/// Answers the request in `body`; an edit names the pictures that it is of.
pub(super) fn answer(body: &str, is_edit: bool, run: &Run, out: &mut Vec<u8>) -> Result<Tokens, Refusal> {
    let request: Request<'_> = super::parse(body)?;
    super::check_model(&request.model.0)?;
    let prompt = request.prompt.ok_or_else(|| Refusal::missing("prompt"))?;
    let of = request.images.unwrap_or_default();
    if is_edit && of.is_empty() {
        return Err(Refusal::missing("images"));
    }
    let picture = |index: u32| {
        let mut parts = vec![prompt.0.as_bytes()];
        parts.extend(of.iter().map(|image| image.get().as_bytes()));
        let index = index.to_be_bytes();
        parts.push(&index);
        Image { b64_json: STANDARD.encode(digest(&parts).to_be_bytes()) }
    };
    let data: Vec<_> = (0..request.n.unwrap_or(1)).map(picture).collect();
    let tokens = Tokens { input: Tokens::estimate(prompt.0.len()), output: data.len() as u64 };
    let usage =
        Usage { input_tokens: tokens.input, output_tokens: tokens.output, total_tokens: tokens.input + tokens.output };
    super::write_json(out, &Images { created: run.created, data, usage })?;
    Ok(tokens)
}
