//! Relayed answers within bounds of size and time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use offpeak_api::{Relay, RelayError, Rules};
use secrecy::SecretString;

use crate::door::{Door, rules};

/// Answers with pieces of ten bytes, a second apart, cut off after the last one or not.
struct Slow {
    pieces: usize,
    cut: bool,
}

#[async_trait]
impl Relay for Slow {
    async fn send(&self, _: Request, _: Option<&SecretString>) -> Result<Response, RelayError> {
        let whole = stream::iter(vec![Bytes::from_static(b"0123456789"); self.pieces]).then(|piece| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(piece)
        });
        let end = stream::iter(self.cut.then(|| Err(std::io::Error::other("cut"))));
        Ok(Response::new(Body::from_stream(whole.chain(end))))
    }
}

fn door(rules: Rules, slow: Slow) -> Door {
    Door::relaying(rules, Arc::new(slow))
}

fn bounded(relay_bytes: Option<u64>, relay_ms: Option<u64>) -> Rules {
    Rules { relay_bytes, relay_ms, ..rules() }
}

#[tokio::test(start_paused = true)]
async fn an_answer_within_its_bounds_is_relayed_whole() {
    let door = door(bounded(Some(30), Some(5_000)), Slow { pieces: 3, cut: false });
    let got = door.get("/v1/audio/voices").await;
    assert_eq!((got.status, got.body.len()), (StatusCode::OK, 30));
}

#[tokio::test(start_paused = true)]
async fn a_larger_answer_is_refused_instead_of_cut() {
    let door = door(bounded(Some(29), None), Slow { pieces: 3, cut: false });
    let got = door.get("/v1/audio/voices").await;
    assert_eq!((got.status, got.code().as_str()), (StatusCode::BAD_GATEWAY, "response_too_large"));
    assert_eq!(got.header("x-should-retry"), "false");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_too_long_is_given_up() {
    let door = door(bounded(Some(1_000), Some(2_500)), Slow { pieces: 9, cut: false });
    let got = door.get("/v1/audio/voices").await;
    assert_eq!((got.status, got.code().as_str()), (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout"));
    assert!(got.text().contains("2.5 s"), "{}", got.text());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_cut_off_is_an_error() {
    let door = door(bounded(Some(1_000), None), Slow { pieces: 1, cut: true });
    let got = door.get("/v1/audio/voices").await;
    assert_eq!((got.status, got.code().as_str()), (StatusCode::BAD_GATEWAY, "upstream_unreachable"));
}

#[tokio::test(start_paused = true)]
async fn what_is_private_is_not_relayed() {
    let door = door(rules(), Slow { pieces: 1, cut: false });
    for (data, code) in [("private", "no_private_target"), ("secret", "invalid_header")] {
        let request = http::Request::get("/v1/audio/voices").header("x-offpeak-data", data);
        let got = door.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((got.status, got.code().as_str()), (StatusCode::BAD_REQUEST, code));
    }
}

#[tokio::test(start_paused = true)]
async fn without_bounds_an_answer_streams_however_long() {
    let door = door(bounded(None, Some(1_500)), Slow { pieces: 9, cut: false });
    assert_eq!(door.get("/v1/audio/voices").await.body.len(), 90);
}
