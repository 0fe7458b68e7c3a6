//! The lines of a provider's batch: written into a sealed object, read from its results.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::batch;
use crate::endpoint::Endpoint;
use crate::ids::JobId;
use crate::job::Usage;

/// Bytes that a line adds around its body, the line feed included.
pub const FRAME: usize = br#"{"custom_id":"","method":"POST","url":"","body":}"#.len() + 1 + 36;

/// Appends a request line; returns where its body begins, counted from where the line begins.
pub fn write(out: &mut BytesMut, job: JobId, endpoint: Endpoint, body: &[u8]) -> usize {
    let start = out.len();
    out.reserve(FRAME + endpoint.path().len() + body.len());
    out.put_slice(br#"{"custom_id":""#);
    out.put_slice(job.text().as_bytes());
    out.put_slice(br#"","method":"POST","url":""#);
    out.put_slice(endpoint.path().as_bytes());
    out.put_slice(br#"","body":"#);
    let offset = out.len() - start;
    out.put_slice(body);
    out.put_slice(b"}\n");
    offset
}

/// What a line of the results says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultLine {
    /// Whose line it is.
    pub job: JobId,
    /// What became of it.
    pub outcome: LineOutcome,
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineOutcome {
    /// The upstream answered.
    Answered {
        /// HTTP status.
        status: u16,
        /// First byte of the body, counted from where the line begins.
        offset: usize,
        /// Bytes of the body.
        length: usize,
        /// What the provider counted.
        usage: Usage,
    },
    /// The upstream did not answer: `batch_expired`, `batch_cancelled`, `request_timeout` and the like.
    Unanswered {
        /// The provider's code.
        code: String,
    },
}

/// A line of the results, whoever's it is, as it stands there.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// Whose line it is.
    pub(crate) custom_id: Cow<'a, str>,
    /// The provider's name of the line.
    pub(crate) id: Option<Cow<'a, str>>,
    /// The provider's name of the request.
    pub(crate) request_id: Option<Cow<'a, str>>,
    /// What the upstream answered, if it did.
    pub(crate) answer: Option<FoundAnswer<'a>>,
    /// The error beside it, or in place of it.
    pub(crate) error: Option<&'a str>,
}

/// What the upstream answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundAnswer<'a> {
    /// HTTP status.
    pub(crate) status: u16,
    /// The body; none where the error beside it is all there is.
    pub(crate) body: Option<&'a str>,
}

impl<'a> Found<'a> {
    /// Reads a line of a results file, without its line feed; `None` if it is no such line.
    ///
    /// Both error shapes are read: OpenAI's (the error in `response.body`) and vLLM's (`response.body` null beside a
    /// top-level `error`), see facts on vLLM's `run-batch`.
    pub(crate) fn read(line: &'a [u8]) -> Option<Self> {
        let wire: Wire<'a> = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
        let told = |raw: &'a RawValue| (raw.get() != "null").then(|| raw.get());
        let error = wire.error.and_then(told);
        let (request_id, answer) = if let Some(response) = wire.response {
            let body = response.body.and_then(told);
            body.or(error)?;
            (response.request_id, Some(FoundAnswer { status: response.status_code, body }))
        } else {
            error?;
            (None, None)
        };
        Some(Self { custom_id: wire.custom_id, id: wire.id, request_id, answer, error })
    }

    /// The code of the error, where nothing was answered.
    pub(crate) fn code(&self) -> String {
        let code =
            self.error.and_then(|error| serde_json::from_str::<WireError>(error).ok()).and_then(|error| error.code);
        code.unwrap_or_else(|| "unknown".to_owned())
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    custom_id: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    response: Option<WireResponse<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireResponse<'a> {
    status_code: u16,
    #[serde(borrow, default)]
    request_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct WireUsage {
    #[serde(default, alias = "prompt_tokens")]
    input_tokens: u64,
    #[serde(default, alias = "prompt_tokens_details")]
    input_tokens_details: Option<WireDetails>,
    #[serde(default, alias = "completion_tokens")]
    output_tokens: u64,
    #[serde(default, alias = "completion_tokens_details")]
    output_tokens_details: Option<WireDetails>,
}

#[derive(Deserialize, Default)]
struct WireDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct WireBody {
    #[serde(default)]
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct WireError {
    #[serde(default)]
    code: Option<String>,
}

/// Reads one line of a results file, without its line feed. A line that is no such line, or bears a foreign id, is
/// `None`: its job counts as missing.
pub fn read(line: &[u8]) -> Option<ResultLine> {
    let found = Found::read(line)?;
    let job = found.custom_id.parse().ok()?;
    let outcome = match found.answer {
        Some(FoundAnswer { status, body }) => {
            let body = body.or(found.error)?;
            let counted = if status < 300 { usage(body) } else { batch::Usage::default() };
            // Both slices lie in `line`, so the difference is the offset.
            let offset = body.as_ptr() as usize - line.as_ptr() as usize;
            let usage = Usage { input_tokens: counted.input_tokens, output_tokens: counted.output_tokens };
            LineOutcome::Answered { status, offset, length: body.len(), usage }
        }
        None => LineOutcome::Unanswered { code: found.code() },
    };
    Some(ResultLine { job, outcome })
}

/// Whether a line is one of a results file, whoever's it is.
pub fn is_result(line: &[u8]) -> bool {
    Found::read(line).is_some()
}

/// What the provider counted, by the body of its answer.
pub(crate) fn usage(body: &str) -> batch::Usage {
    let usage = serde_json::from_str::<WireBody>(body).ok().and_then(|body| body.usage).unwrap_or_default();
    batch::Usage {
        input_tokens: usage.input_tokens,
        cached_tokens: usage.input_tokens_details.and_then(|details| details.cached_tokens).unwrap_or(0),
        output_tokens: usage.output_tokens,
        reasoning_tokens: usage.output_tokens_details.and_then(|details| details.reasoning_tokens).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_line_keeps_its_body_to_the_byte() {
        let mut out = BytesMut::from(&b"before\n"[..]);
        let body = br#"{"z":1.0e2,"a":"\u00e9"}"#;
        let offset = write(&mut out, JobId([1; 16]), Endpoint::Embeddings, body);
        assert_eq!(&out[7 + offset..][..body.len()], body);
        let line: serde_json::Value = serde_json::from_slice(&out[7..]).unwrap();
        assert_eq!(line["url"], "/v1/embeddings");
        assert_eq!(out.len() - 7, FRAME + line["url"].as_str().unwrap().len() + body.len());
    }

    #[test]
    fn an_answer_is_found_where_it_lies() {
        let id = JobId([2; 16]);
        let line = format!(
            r#"{{"id":"x","custom_id":"{id}","response":{{"status_code":200,"request_id":"r","body":{{"b" : 1,"usage":{{"prompt_tokens":3,"completion_tokens":4}}}}}},"error":null}}"#
        );
        let read = read(line.as_bytes()).unwrap();
        assert_eq!(read.job, id);
        let LineOutcome::Answered { status: 200, offset, length, usage } = read.outcome else { panic!() };
        assert_eq!(&line[offset..offset + length], r#"{"b" : 1,"usage":{"prompt_tokens":3,"completion_tokens":4}}"#);
        assert_eq!(usage, Usage { input_tokens: 3, output_tokens: 4 });
    }

    #[test]
    fn tokens_are_counted_in_both_spellings() {
        let want = batch::Usage { input_tokens: 9, cached_tokens: 4, output_tokens: 3, reasoning_tokens: 2 };
        for body in [
            r#"{"usage":{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens":3,"completion_tokens_details":{"reasoning_tokens":2}}}"#,
            r#"{"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":2}}}"#,
        ] {
            assert_eq!(usage(body), want);
        }
        let bare = batch::Usage { input_tokens: 1, ..batch::Usage::default() };
        assert_eq!(usage(r#"{"usage":{"prompt_tokens":1,"prompt_tokens_details":null}}"#), bare);
    }

    #[test]
    fn both_error_shapes_are_read() {
        let id = JobId([3; 16]);
        let expired =
            format!(r#"{{"custom_id":"{id}","response":null,"error":{{"code":"batch_expired","message":"m"}}}}"#);
        assert_eq!(read(expired.as_bytes()).unwrap().outcome, LineOutcome::Unanswered { code: "batch_expired".into() });
        let vllm = format!(r#"{{"custom_id":"{id}","response":{{"status_code":400,"body":null}},"error":"bad"}}"#);
        assert!(matches!(read(vllm.as_bytes()).unwrap().outcome, LineOutcome::Answered { status: 400, length: 5, .. }));
        assert!(is_result(br#"{"custom_id":"mine","response":null,"error":{"code":"batch_expired"}}"#));
        for junk in ["", "{}", "null", "[1]", r#"{"custom_id":"mine","response":null,"error":null}"#] {
            assert_eq!(read(junk.as_bytes()), None, "{junk}");
            assert!(!is_result(junk.as_bytes()), "{junk}");
        }
    }
}
