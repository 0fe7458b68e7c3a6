//! A line of a batch's files: the provider's own where it has OpenAI's shape, and one of that shape where not.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::batch::{Part, Rest};
use crate::body::with_model;
use crate::hex;
use crate::ids::JobId;
use crate::submission::line::{Found, FoundAnswer};

/// Appends what the provider said of a line.
pub(super) fn provider_line(out: &mut BytesMut, part: &Part, line: &Bytes, found: &Found<'_>) {
    let renamed = part.model != part.lane.model;
    let plain = found.id.is_some()
        && match found.answer {
            Some(answer) => answer.body.is_some() && found.error.is_none(),
            None => true,
        };
    if plain && !renamed {
        out.put_slice(line.trim_ascii());
        out.put_slice(b"\n");
        return;
    }
    let id = found.id.as_deref().map_or_else(|| own_id(crate::batch::line_id(&found.custom_id)), str::to_owned);
    head(out, &id, Value::from(&*found.custom_id).to_string().as_bytes());
    if let Some(answer) = found.answer {
        let request = found.request_id.as_deref().map_or(Value::Null, Value::from);
        out.put_slice(format!(r#"{{"status_code":{},"request_id":{request},"body":"#, answer.status).as_bytes());
        out.put_slice(&body(part, line, answer, found.error, renamed));
        out.put_slice(b"},\"error\":null}\n");
    } else {
        out.put_slice(b"null,\"error\":");
        out.put_slice(found.error.unwrap_or("null").as_bytes());
        out.put_slice(b"}\n");
    }
}

/// Appends what is said of a line that nobody answered. `sealed` is the line as it went upstream.
pub(super) fn rest_line(out: &mut BytesMut, id: JobId, sealed: &[u8], rest: &Rest) {
    head(out, &own_id(id), custom_id(sealed).as_bytes());
    let error = serde_json::json!({ "code": rest.code, "message": rest.message });
    out.put_slice(b"null,\"error\":");
    out.put_slice(error.to_string().as_bytes());
    out.put_slice(b"}\n");
}

fn head(out: &mut BytesMut, id: &str, quoted_custom_id: &[u8]) {
    out.put_slice(b"{\"id\":");
    out.put_slice(Value::from(id).to_string().as_bytes());
    out.put_slice(b",\"custom_id\":");
    out.put_slice(quoted_custom_id);
    out.put_slice(b",\"response\":");
}

/// The name of a line that no provider named.
fn own_id(id: JobId) -> String {
    format!("batch_req_{}", hex::encode(&id.0))
}

/// The body of an answer, its model restored; vLLM's error beside the answer becomes its body, as OpenAI has it.
fn body(part: &Part, line: &Bytes, answer: FoundAnswer<'_>, error: Option<&str>, renamed: bool) -> Bytes {
    match (answer.body, error) {
        (Some(body), _) if renamed => with_model(&line.slice_ref(body.as_bytes()), &part.model),
        (Some(body), _) => line.slice_ref(body.as_bytes()),
        (None, Some(error)) => Bytes::from(wrapped(error)),
        (None, None) => Bytes::from_static(b"null"),
    }
}

fn wrapped(error: &str) -> String {
    if error.starts_with('"') {
        return format!(r#"{{"error":{{"message":{error},"type":null,"param":null,"code":null}}}}"#);
    }
    let whole =
        serde_json::from_str::<Value>(error).is_ok_and(|error| error.get("error").is_some_and(Value::is_object));
    if whole { error.to_owned() } else { format!(r#"{{"error":{error}}}"#) }
}

/// The `custom_id` of a sealed line, quoted and spelled as its caller did.
fn custom_id(sealed: &[u8]) -> &str {
    #[derive(serde::Deserialize)]
    struct Sealed<'a> {
        #[serde(borrow)]
        custom_id: &'a RawValue,
    }
    serde_json::from_slice::<Sealed<'_>>(sealed).map_or("\"\"", |line| line.custom_id.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{PartState, line_id};
    use crate::endpoint::Endpoint;
    use crate::ids::{CredentialId, ObjectName, SubmissionId};
    use crate::lane::{Lane, Terms};
    use crate::submission::{Sealed, Size};

    fn part(model: &str, upstream: &str) -> Part {
        Part {
            submission: SubmissionId([1; 16]),
            lane: Lane {
                credential: CredentialId::own("p"),
                provider: "p".to_owned(),
                endpoint: Endpoint::ChatCompletions,
                model: upstream.to_owned(),
                class: "soon".to_owned(),
                terms: Terms::default(),
            },
            model: model.to_owned(),
            sealed: Sealed {
                object: ObjectName::from("sealed/1"),
                manifest: ObjectName::from("manifests/1"),
                manifest_sha256: String::new(),
                size: Size::default(),
                deadline_ms: 1,
                turn_ms: None,
            },
            attempt: 0,
            picked: 0,
            again_of: None,
            state: PartState::Sealed,
        }
    }

    fn merged(part: &Part, line: &'static str) -> String {
        let mut out = BytesMut::new();
        let bytes = Bytes::from_static(line.as_bytes());
        provider_line(&mut out, part, &bytes, &Found::read(&bytes).unwrap());
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn a_line_in_openais_shape_keeps_every_byte() {
        for line in [
            r#"{"id":"batch_req_1", "custom_id":"a", "response":{"status_code":200,"request_id":"r","body":{"model":"m","n":1.0e2}},"error":null}"#,
            r#"{"id":"batch_req_1","custom_id":"a","response":null,"error":{"code":"request_timeout","message":"x"}}"#,
        ] {
            assert_eq!(merged(&part("m", "m"), line), format!("{line}\n"));
        }
        let fed = "{\"id\":\"b\",\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"body\":1}}\r";
        assert!(merged(&part("m", "m"), fed).ends_with("}}\n"));
    }

    #[test]
    fn a_renamed_model_is_restored_in_the_answer() {
        let line = r#"{"id":"b","custom_id":"a\"","response":{"status_code":200,"request_id":"r","body":{"model":"up","n":1.0e2}},"error":null}"#;
        let want = r#"{"id":"b","custom_id":"a\"","response":{"status_code":200,"request_id":"r","body":{"model":"mine","n":1.0e2}},"error":null}"#;
        assert_eq!(merged(&part("mine", "up"), line), format!("{want}\n"));
    }

    #[test]
    fn other_shapes_become_openais() {
        let id = own_id(line_id("a"));
        for (error, body) in [
            (r#""bad""#, r#"{"error":{"message":"bad","type":null,"param":null,"code":null}}"#),
            (r#"{"message":"bad"}"#, r#"{"error":{"message":"bad"}}"#),
            (r#"{"error":{"message":"bad"}}"#, r#"{"error":{"message":"bad"}}"#),
        ] {
            let line = format!(r#"{{"custom_id":"a","response":{{"status_code":400,"body":null}},"error":{error}}}"#);
            let want = format!(
                r#"{{"id":"{id}","custom_id":"a","response":{{"status_code":400,"request_id":null,"body":{body}}},"error":null}}"#
            );
            assert_eq!(merged(&part("m", "m"), line.leak()), want + "\n");
        }
    }

    #[test]
    fn what_nobody_answered_keeps_its_callers_spelling() {
        let sealed = br#"{"custom_id":"\u0061\"b","method":"POST","url":"/v1/embeddings","body":{"custom_id":"x"}}"#;
        let mut out = BytesMut::new();
        let rest = Rest { code: "batch_expired".to_owned(), message: "Too \"late\".".to_owned() };
        rest_line(&mut out, line_id("a\"b"), sealed, &rest);
        let line: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(line["custom_id"], "a\"b");
        assert_eq!((&line["response"], &line["error"]["message"]), (&Value::Null, &Value::from("Too \"late\".")));
        assert!(out.starts_with(br#"{"id":"batch_req_"#) && out.ends_with(b"}\n"));
        assert!(String::from_utf8_lossy(&out).contains(r#""custom_id":"\u0061\"b""#));
    }
}
