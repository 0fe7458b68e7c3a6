//! Calls that may be repeated, are.

use offpeak_core::ids::{BatchId, FileId};
use offpeak_core::ports::{Backend as _, BackendError, BatchPhase};

use crate::stage::{Play, Stage, answer, nobody, ok};
use crate::{backend, key};

const COMPLETED: &str = r#"{"status":"completed"}"#;

#[tokio::test]
async fn a_read_is_repeated_until_it_succeeds() {
    let stage = Stage::new(|_, before| match before {
        0 => Play::Say(answer(500, &[], "")),
        1 => Play::Say(answer(429, &[("Retry-After", "0")], "")),
        2 => Play::SayAndLeave(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()),
        _ => Play::Say(ok(COMPLETED)),
    })
    .await;
    let report = backend(stage.base()).poll(&key(), &BatchId::from("b")).await.unwrap();
    assert_eq!((report.phase, stage.seen().len()), (BatchPhase::Completed, 4));
}

#[tokio::test]
async fn repeats_are_bounded() {
    let stage = Stage::saying(answer(502, &[], "")).await;
    let backend = backend(stage.base());
    assert!(matches!(backend.delete(&key(), &FileId::from("f")).await, Err(BackendError::Unavailable(_))));
    assert!(backend.download(&key(), &FileId::from("f")).await.is_err());
    assert_eq!(stage.seen().len(), 8);
    let unreachable = crate::backend(nobody().await);
    let error = unreachable.poll(&key(), &BatchId::from("b")).await.unwrap_err();
    assert_eq!(error.to_string(), "the provider is unavailable: no connection");
}

#[tokio::test]
async fn a_long_wish_to_wait_is_handed_on_at_once() {
    let stage = Stage::saying(answer(429, &[("Retry-After", "61")], "")).await;
    let error = backend(stage.base()).poll(&key(), &BatchId::from("b")).await.unwrap_err();
    assert!(matches!(error, BackendError::Throttled { retry_after_ms: Some(61_000) }));
    assert_eq!(stage.seen().len(), 1);
}

#[tokio::test]
async fn a_definite_no_is_not_repeated() {
    let stage = Stage::saying(answer(403, &[], "")).await;
    assert!(backend(stage.base()).poll(&key(), &BatchId::from("b")).await.is_err());
    assert_eq!(stage.seen().len(), 1);
}
