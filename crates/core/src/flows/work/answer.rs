//! What an engine's answer means, and the line that tells it: OpenAI's shape, whatever the engine's dialect.

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memmem;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::batch::line_id;
use crate::hex;
use crate::ports::{Called, Whose};
use crate::submission::line::usage;

/// What to do with a line whose call has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has its answer.
    Answered(Answer),
    /// The engine has too much to do: again later, without its count.
    TooMuch {
        /// Milliseconds, if the engine said.
        pause_ms: Option<u64>,
        /// What it gets if that goes on.
        answer: Answer,
    },
    /// It failed for a reason that may pass.
    Failed {
        /// Milliseconds, if the engine said.
        pause_ms: Option<u64>,
        /// What it gets if its tries are spent.
        answer: Answer,
    },
    /// The engine gave it up half-way, which it does where it is told to end: it has not killed the engine.
    GivenUp {
        /// What it gets if its tries are spent.
        answer: Answer,
    },
    /// A provider that nobody reaches: again later, as if it had not been called.
    Away {
        /// Why.
        why: String,
    },
}

/// What a line gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The engine's status and body.
    Said { status: u16, body: Bytes, request_id: Option<String> },
    /// Nothing from the engine: why.
    Silent { code: String, message: String },
}

impl Answer {
    /// Whether the engine answered with success.
    pub(super) fn succeeded(&self) -> bool {
        matches!(self, Self::Said { status: 200..300, .. })
    }

    /// Appends the line of a request that its caller calls so, quoted and spelled as it came.
    pub(super) fn write(&self, out: &mut BytesMut, custom_id: &str, quoted: &str) {
        out.put_slice(b"{\"id\":\"batch_req_");
        out.put_slice(hex::encode(&line_id(custom_id).0).as_bytes());
        out.put_slice(b"\",\"custom_id\":");
        out.put_slice(quoted.as_bytes());
        match self {
            Self::Said { status, body, request_id } => {
                let request = request_id.as_deref().map_or(Value::Null, Value::from);
                let head = format!(",\"response\":{{\"status_code\":{status},\"request_id\":{request},\"body\":");
                out.put_slice(head.as_bytes());
                // Within JSON strings line feeds are escaped, so those that are there lie between tokens.
                out.extend(body.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
                out.put_slice(b"},\"error\":null}\n");
            }
            Self::Silent { code, message } => {
                let error = serde_json::json!({ "code": code, "message": message });
                out.put_slice(format!(",\"response\":null,\"error\":{error}}}\n").as_bytes());
            }
        }
    }
}

/// Reads what came of a call.
pub(super) fn verdict(called: Called, whose: Whose) -> Verdict {
    let silent = |what: &str, why: &str| silent(whose, what, why);
    match called {
        Called::Answered { status, body, request_id, retry_after_ms } => {
            let is_json = serde_json::from_slice::<&RawValue>(&body).is_ok();
            let said = |body| Answer::Said { status, body, request_id };
            match status {
                200..300 if is_json && whose == Whose::Own && is_aborted(&body) => {
                    Verdict::GivenUp { answer: silent("aborted", " ended before its answer was whole.") }
                }
                200..300 if is_json => Verdict::Answered(said(body)),
                200..300 => {
                    Verdict::Failed { pause_ms: None, answer: silent("invalid_response", "'s answer is not JSON.") }
                }
                429 if whose == Whose::Provider && is_spent(&body) => {
                    Verdict::Answered(said(error_body(status, &body)))
                }
                429 | 503 => Verdict::TooMuch { pause_ms: retry_after_ms, answer: said(error_body(status, &body)) },
                408 | 500.. => Verdict::Failed { pause_ms: retry_after_ms, answer: said(error_body(status, &body)) },
                // Of a key or a model: an own engine may have been started again with others.
                401 | 403 | 404 if whose == Whose::Own => {
                    Verdict::Failed { pause_ms: retry_after_ms, answer: said(error_body(status, &body)) }
                }
                _ => Verdict::Answered(said(error_body(status, &body))),
            }
        }
        Called::TooLong { most } => Verdict::Answered(too_long(most)),
        Called::TimedOut => Verdict::Failed { pause_ms: None, answer: unanswered(whose) },
        Called::Unreached(why) if whose == Whose::Provider => Verdict::Away { why },
        Called::Broken(why) | Called::Unreached(why) => {
            Verdict::Failed { pause_ms: None, answer: silent("unreachable", &format!(" did not answer: {why}.")) }
        }
    }
}

/// Whether an engine gave up an answer half-way: vLLM 0.32 ends it with this `finish_reason`, and status 200.
fn is_aborted(body: &[u8]) -> bool {
    /// What is looked for before the body is read.
    const ABORT: &[u8] = b"\"abort\"";
    if memmem::find(body, ABORT).is_none() {
        return false;
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return false };
    let mut choices = body["choices"].as_array().into_iter().flatten();
    choices.any(|choice| choice["finish_reason"] == "abort")
}

/// Whether an account has nothing left to spend, which no waiting changes.
fn is_spent(body: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return false };
    ["code", "type"].iter().any(|field| body["error"][field] == "insufficient_quota")
}

/// The tokens that a call took, as far as its answer says.
pub(super) fn tokens(called: &Called) -> Option<u64> {
    let Called::Answered { status: 200..300, body, .. } = called else { return None };
    let usage = usage(std::str::from_utf8(body).ok()?);
    Some(usage.input_tokens.saturating_add(usage.output_tokens)).filter(|tokens| *tokens > 0)
}

/// What is said of a line that has no answer in time.
pub(super) fn unanswered(whose: Whose) -> Answer {
    silent(whose, "timeout", " did not answer in time.")
}

/// What is said of a line that ran alone when the engine died for the second time: an answer for good, since running it
/// again would kill the engine again.
pub(super) fn killed_it() -> Answer {
    let message = "The engine died twice while it ran this request; the second time it ran nothing else.";
    refusal("engine_died", message)
}

/// What is said of a line whose answer no report can carry: for good, since another would be as long.
pub(super) fn too_long(most: usize) -> Answer {
    let message = format!("The answer is longer than the {most} bytes that are taken of one.");
    refusal("engine_answer_too_long", &message)
}

fn refusal(code: &'static str, message: &str) -> Answer {
    let error = serde_json::json!({
        "error": { "message": message, "type": "invalid_request_error", "param": null, "code": code }
    });
    Answer::Said { status: 422, body: Bytes::from(error.to_string()), request_id: None }
}

fn silent(whose: Whose, what: &str, why: &str) -> Answer {
    let who = match whose {
        Whose::Own => "engine",
        Whose::Provider => "provider",
    };
    Answer::Silent { code: format!("{who}_{what}"), message: format!("The {who}{why}") }
}

/// An error in OpenAI's envelope: vLLM's older one has its fields at the top, others answer with plain text.
fn error_body(status: u16, body: &Bytes) -> Bytes {
    let read = serde_json::from_slice::<Value>(body);
    let message = match &read {
        Ok(Value::Object(fields)) if fields.get("error").is_some_and(Value::is_object) => return body.clone(),
        Ok(Value::Object(fields)) => {
            fields.get("message").or_else(|| fields.get("error")).or_else(|| fields.get("detail")).cloned()
        }
        Ok(Value::String(text)) => Some(Value::from(text.as_str())),
        Ok(_) => None,
        Err(_) => std::str::from_utf8(body)
            .ok()
            .filter(|text| !text.trim().is_empty())
            .map(|text| Value::from(text.trim().chars().take(1_000).collect::<String>())),
    };
    let message = match message {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => format!("The engine answered with status {status}."),
    };
    let kind = if status < 500 { "invalid_request_error" } else { "server_error" };
    let error = serde_json::json!({ "error": { "message": message, "type": kind, "param": null, "code": null } });
    Bytes::from(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submission::line::Found;

    fn from(whose: Whose, status: u16, body: &'static str) -> Verdict {
        let body = Bytes::from_static(body.as_bytes());
        let called = Called::Answered { status, body, request_id: Some("r\"1".to_owned()), retry_after_ms: None };
        verdict(called, whose)
    }

    fn answered(status: u16, body: &'static str) -> Verdict {
        from(Whose::Own, status, body)
    }

    fn line(verdict: &Verdict) -> String {
        let (Verdict::Answered(answer) | Verdict::TooMuch { answer, .. } | Verdict::Failed { answer, .. }) = verdict
        else {
            return String::new();
        };
        let mut out = BytesMut::new();
        answer.write(&mut out, "a\"b", r#""a\u0022b""#);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn every_answer_becomes_one_line_of_openais_shape() {
        for (of, status, message) in [
            (answered(200, "{\n \"n\": 1.0e2\r\n}"), Some(200), None),
            (answered(400, r#"{"error":{"message":"too long"}}"#), Some(400), Some("too long")),
            (answered(400, r#"{"object":"error","message":"too long","code":400}"#), Some(400), Some("too long")),
            (answered(404, r#"{"detail":"Not Found"}"#), Some(404), Some("Not Found")),
            (answered(400, r#"{"error":"bad"}"#), Some(400), Some("bad")),
            (answered(500, "Internal\nServer Error"), Some(500), Some("Internal\nServer Error")),
            (answered(502, ""), Some(502), Some("The engine answered with status 502.")),
            (answered(200, "not json"), None, None),
            (verdict(Called::TimedOut, Whose::Own), None, None),
            (verdict(Called::Broken("reset".to_owned()), Whose::Provider), None, None),
            (Verdict::Answered(killed_it()), Some(422), None),
            (verdict(Called::TooLong { most: 9 }, Whose::Provider), Some(422), None),
        ] {
            let line = line(&of);
            assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{line}");
            let found = Found::read(line.trim_end().as_bytes()).unwrap();
            assert_eq!(found.custom_id, "a\"b");
            assert_eq!(found.answer.map(|answer| answer.status), status, "{line}");
            assert_eq!(found.error.is_some(), status.is_none(), "{line}");
            if let Some(message) = message {
                let body: Value = serde_json::from_str(found.answer.unwrap().body.unwrap()).unwrap();
                assert_eq!(body["error"]["message"], message);
            }
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_nothing_else() {
        for status in [200, 400, 413, 422] {
            assert!(matches!(answered(status, "{}"), Verdict::Answered(_)), "{status}");
        }
        for status in [429, 503] {
            assert!(matches!(answered(status, "{}"), Verdict::TooMuch { .. }), "{status}");
        }
        for status in [401, 404, 408, 500, 502, 504] {
            assert!(matches!(answered(status, "{}"), Verdict::Failed { .. }), "{status}");
        }
        assert!(matches!(answered(200, "{"), Verdict::Failed { .. }));
    }

    #[test]
    fn an_answer_that_its_engine_gave_up_is_none() {
        let aborted =
            r#"{"choices":[{"finish_reason":"stop"},{"finish_reason":"abort","message":{"content":"half"}}]}"#;
        assert!(matches!(answered(200, aborted), Verdict::GivenUp { .. }));
        let told = r#"{"choices":[{"finish_reason":"stop","message":{"content":"\"abort\""}}],"x":"abort"}"#;
        assert!(matches!(answered(200, told), Verdict::Answered(_)));
    }

    #[test]
    fn a_providers_refusal_is_the_lines_answer() {
        let from = |status, body| from(Whose::Provider, status, body);
        for status in [200, 400, 401, 403, 404, 409, 413, 422] {
            assert!(matches!(from(status, "{}"), Verdict::Answered(_)), "{status}");
        }
        for status in [429, 503] {
            assert!(matches!(from(status, r#"{"error":{"code":"rate_limit_exceeded"}}"#), Verdict::TooMuch { .. }));
        }
        for status in [408, 500, 502, 504, 529] {
            assert!(matches!(from(status, "{}"), Verdict::Failed { .. }), "{status}");
        }
    }

    #[test]
    fn what_no_waiting_changes_is_not_waited_for() {
        let from = |status, body| from(Whose::Provider, status, body);
        for spent in [r#"{"error":{"code":"insufficient_quota"}}"#, r#"{"error":{"type":"insufficient_quota"}}"#] {
            assert!(matches!(from(429, spent), Verdict::Answered(Answer::Said { status: 429, .. })), "{spent}");
            assert!(matches!(answered(429, spent), Verdict::TooMuch { .. }), "one's own engine has no quota");
        }
        let away = verdict(Called::Unreached("no connection".to_owned()), Whose::Provider);
        assert!(matches!(away, Verdict::Away { .. }), "{away:?}");
        let line = line(&verdict(Called::TimedOut, Whose::Provider));
        assert!(
            line.contains(r#""code":"provider_timeout","message":"The provider did not answer in time.""#),
            "{line}"
        );
    }

    #[test]
    fn a_call_takes_what_its_answer_says() {
        let said = |status, body: &'static str| {
            let body = Bytes::from_static(body.as_bytes());
            tokens(&Called::Answered { status, body, request_id: None, retry_after_ms: None })
        };
        assert_eq!(said(200, r#"{"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#), Some(7));
        assert_eq!(said(200, r#"{"usage":{"input_tokens":3,"output_tokens":4}}"#), Some(7));
        assert_eq!((said(200, "{}"), said(400, r#"{"usage":{"input_tokens":3}}"#)), (None, None));
        assert_eq!(tokens(&Called::TimedOut), None);
    }
}
