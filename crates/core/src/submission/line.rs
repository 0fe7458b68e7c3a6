//! The lines of a provider's batch: written into a sealed object, read from its results.

use bytes::{BufMut, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

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

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    custom_id: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    response: Option<WireResponse<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireResponse<'a> {
    status_code: u16,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct WireUsage {
    #[serde(default, alias = "prompt_tokens")]
    input_tokens: u64,
    #[serde(default, alias = "completion_tokens")]
    output_tokens: u64,
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
///
/// Both error shapes are read: OpenAI's (the error in `response.body`) and vLLM's (`response.body` null beside a
/// top-level `error`), see facts on vLLM's `run-batch`.
pub fn read(line: &[u8]) -> Option<ResultLine> {
    let text = std::str::from_utf8(line).ok()?;
    let wire: Wire<'_> = serde_json::from_str(text).ok()?;
    let job = wire.custom_id.parse().ok()?;
    let error = wire.error.filter(|error| error.get() != "null");
    let outcome = match (wire.response, error) {
        (Some(response), error) => {
            let body = response.body.filter(|body| body.get() != "null").or(error)?.get();
            let usage = if response.status_code < 300 { usage_of(body) } else { Usage::default() };
            // Both slices lie in `text`, so the difference is the offset.
            let offset = body.as_ptr() as usize - text.as_ptr() as usize;
            LineOutcome::Answered { status: response.status_code, offset, length: body.len(), usage }
        }
        (None, Some(error)) => {
            let code = serde_json::from_str::<WireError>(error.get()).ok().and_then(|error| error.code);
            LineOutcome::Unanswered { code: code.unwrap_or_else(|| "unknown".to_owned()) }
        }
        (None, None) => return None,
    };
    Some(ResultLine { job, outcome })
}

fn usage_of(body: &str) -> Usage {
    let usage = serde_json::from_str::<WireBody>(body).ok().and_then(|body| body.usage).unwrap_or_default();
    Usage { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens }
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
    fn both_error_shapes_are_read() {
        let id = JobId([3; 16]);
        let expired =
            format!(r#"{{"custom_id":"{id}","response":null,"error":{{"code":"batch_expired","message":"m"}}}}"#);
        assert_eq!(read(expired.as_bytes()).unwrap().outcome, LineOutcome::Unanswered { code: "batch_expired".into() });
        let vllm = format!(r#"{{"custom_id":"{id}","response":{{"status_code":400,"body":null}},"error":"bad"}}"#);
        assert!(matches!(read(vllm.as_bytes()).unwrap().outcome, LineOutcome::Answered { status: 400, length: 5, .. }));
        for junk in ["", "{}", "null", "[1]", r#"{"custom_id":"mine","response":null,"error":null}"#] {
            assert_eq!(read(junk.as_bytes()), None, "{junk}");
        }
    }
}
