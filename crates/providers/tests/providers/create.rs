//! The one call that spends money.

use offpeak_core::ports::{Backend as _, CreateReply, NewBatch};
use offpeak_core::submission::Refusal;
use offpeak_providers::openai::{Backend, Config, ConfigError};
use secrecy::SecretString;

use crate::stage::{Play, Stage, answer, no_tls, nobody, ok};
use crate::{KEY, SUBMISSION_TEXT, backend, key, new_batch, refusal};

async fn reply_to(stage: &Stage) -> CreateReply {
    let reply = backend(stage.base()).create(&key(), new_batch()).await;
    assert_eq!(stage.seen().len(), 1, "create is one call");
    reply
}

async fn reply_when(bytes: Vec<u8>) -> CreateReply {
    reply_to(&Stage::saying(bytes).await).await
}

async fn refused_when(bytes: Vec<u8>) -> Refusal {
    let CreateReply::Refused(refusal) = reply_when(bytes).await else { panic!("not refused") };
    refusal
}

#[tokio::test]
async fn the_call_says_what_the_dialect_wants_and_no_more() {
    let stage = Stage::saying(ok(r#"{"id":"batch_1","object":"batch"}"#)).await;
    let CreateReply::Created(id) = reply_to(&stage).await else { panic!() };
    assert_eq!(id.as_str(), "batch_1");
    let seen = stage.only();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/batches"));
    assert_eq!(
        seen.text(),
        format!(
            r#"{{"input_file_id":"file-1","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{{"offpeak_submission":"{SUBMISSION_TEXT}"}}}}"#
        )
    );
    assert_eq!(seen.header("authorization"), Some("Bearer sk-very-secret"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("accept-encoding"), None);
}

#[tokio::test]
async fn a_batch_in_an_envelope_is_created() {
    let reply = reply_when(ok(r#"{"job":{"id":"b2","status":"VALIDATING"},"warning":null}"#)).await;
    assert!(matches!(reply, CreateReply::Created(id) if id.as_str() == "b2"));
}

#[tokio::test]
async fn a_success_without_an_id_is_unclear() {
    for body in ["", "{}", "null", "[]", "<html>", r#"{"id":null}"#, r#"{"id":""}"#, r#"{"error":{"message":"x"}}"#] {
        assert!(matches!(reply_when(ok(body)).await, CreateReply::Unclear), "{body}");
    }
}

#[tokio::test]
async fn statuses_that_say_nothing_certain_are_unclear() {
    for status in [303, 304, 408, 409, 425, 499, 500, 502, 503, 504, 520, 529] {
        let reply = reply_when(answer(status, &[("Location", "/v1/elsewhere")], "")).await;
        assert!(matches!(reply, CreateReply::Unclear), "{status}");
    }
}

#[tokio::test]
async fn a_lost_reply_is_unclear_and_not_asked_for_again() {
    let lost = Stage::new(|_, _| Play::SayAndLeave(Vec::new())).await;
    assert!(matches!(reply_to(&lost).await, CreateReply::Unclear));
    let cut_in_the_head = Stage::new(|_, _| Play::SayAndLeave(b"HTTP/1.1 200 OK\r\nConte".to_vec())).await;
    assert!(matches!(reply_to(&cut_in_the_head).await, CreateReply::Unclear));
    let cut_in_the_body = Stage::new(|_, _| {
        Play::SayAndLeave(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"id\":\"batch_1\"}".to_vec())
    });
    assert!(matches!(reply_to(&cut_in_the_body.await).await, CreateReply::Unclear));
}

#[tokio::test]
async fn silence_is_unclear_once_the_time_is_over() {
    let stage = Stage::new(|_, _| Play::Silence).await;
    let batch = NewBatch { timeout_ms: 150, ..new_batch() };
    assert!(matches!(backend(stage.base()).create(&key(), batch).await, CreateReply::Unclear));
    assert_eq!(stage.seen().len(), 1);
}

#[tokio::test]
async fn without_a_connection_nothing_was_created() {
    let reply = backend(nobody().await).create(&key(), new_batch()).await;
    assert!(matches!(reply, CreateReply::Throttled { retry_after_ms: None }), "{reply:?}");
}

#[tokio::test]
async fn tls_that_fails_is_no_connection() {
    let reply = backend(no_tls().await).create(&key(), new_batch()).await;
    assert!(matches!(reply, CreateReply::Throttled { retry_after_ms: None }), "{reply:?}");
}

#[tokio::test]
async fn an_address_that_cannot_work_is_refused() {
    for base in ["", "/v1", "ftp://x/v1", "https://user:pw@x/v1"] {
        assert_eq!(Backend::new(&Config::new(base)).unwrap_err(), ConfigError::BaseUrl, "{base}");
    }
}

#[tokio::test]
async fn too_many_calls_is_a_certain_no_with_a_time() {
    let date = ("Date", "Fri, 20 Nov 2026 10:00:00 GMT");
    for (headers, wait_ms) in [
        (vec![], None),
        (vec![("Retry-After", "7")], Some(7_000)),
        (vec![("Retry-After", "7"), ("retry-after-ms", "1500")], Some(1_500)),
        (vec![("Retry-After", "Fri, 20 Nov 2026 10:01:30 GMT"), date], Some(90_000)),
        (vec![("Retry-After", "Fri, 20 Nov 2026 09:00:00 GMT"), date], None),
        (vec![("Retry-After", "soon")], None),
    ] {
        let reply = reply_when(answer(429, &headers, "{}")).await;
        let CreateReply::Throttled { retry_after_ms } = reply else { panic!("{reply:?}") };
        assert_eq!(retry_after_ms, wait_ms, "{headers:?}");
    }
}

#[tokio::test]
async fn a_definite_no_carries_the_providers_words() {
    for (status, body, expected) in [
        (
            400,
            r#"{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":"invalid_value"}}"#,
            refusal(400, "invalid_value", "No.", false),
        ),
        (
            400,
            r#"{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":null}}"#,
            refusal(400, "invalid_request_error", "No.", false),
        ),
        (403, r#"{"error":"not yours"}"#, refusal(403, "http_403", "not yours", false)),
        (404, r#"{"detail":{"message":"gone","code":7}}"#, refusal(404, "7", "gone", false)),
        (422, "<html>", refusal(422, "http_422", "The provider answered with status 422.", false)),
        (402, r#"{"message":"pay"}"#, refusal(402, "http_402", "pay", true)),
        (
            400,
            r#"{"error":{"code":"token_limit_exceeded","message":"full"}}"#,
            refusal(400, "token_limit_exceeded", "full", true),
        ),
        (
            403,
            r#"{"error":{"code":"billing_hard_limit_reached","message":"m"}}"#,
            refusal(403, "billing_hard_limit_reached", "m", true),
        ),
    ] {
        assert_eq!(refused_when(answer(status, &[], body)).await, expected);
    }
}

#[tokio::test]
async fn a_key_that_the_provider_repeats_is_cut_out() {
    let body = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}.","code":"invalid_api_key"}}}}"#);
    let refusal = refused_when(answer(401, &[], &body)).await;
    assert_eq!(refusal.message, "Incorrect API key provided: [key].");
}

#[tokio::test]
async fn a_redirect_is_refused_and_not_followed() {
    for status in [301, 302, 307, 308] {
        let refusal = refused_when(answer(status, &[("Location", "/v1/batches")], "")).await;
        assert_eq!((refusal.status, refusal.passing), (status, false));
    }
}

#[tokio::test]
async fn a_key_that_fits_no_header_is_refused_unsent() {
    let stage = Stage::saying(ok("{}")).await;
    let reply = backend(stage.base()).create(&SecretString::from("two\nlines"), new_batch()).await;
    assert!(matches!(reply, CreateReply::Refused(refusal) if refusal.code == "invalid_api_key"));
    assert!(stage.seen().is_empty());
}

#[tokio::test]
async fn every_create_has_its_own_connection() {
    let stage = Stage::saying(ok(r#"{"id":"b"}"#)).await;
    let backend = backend(stage.base());
    for _ in 0..3 {
        backend.create(&key(), new_batch()).await;
    }
    let connections: Vec<usize> = stage.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 1, 2]);
}
