//! Forms as no client should send them, and as some networks do.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use offpeak_api::Rules;
use serde_json::json;

use crate::door::{Door, rules};
use crate::form::{BOUNDARY, Form, LINE, input, request};

const FILES: &str = "/v1/files";

#[tokio::test]
async fn parts_come_in_any_order_and_in_any_pieces() {
    let door = Door::new(rules());
    let expiry = |form: Form| form.field("expires_after[anchor]", "created_at").field("expires_after[seconds]", "3600");
    // What looks like the boundary, and is none.
    let content = format!("{LINE}\r\n--offpeak-bound\r\n--\r\n\r\n--{}\r", &BOUNDARY[1..]);
    let fields_first = expiry(Form::default().field("purpose", "batch")).file("file", "a b.jsonl", &content);
    let file_first = expiry(Form::default().file("file", "a b.jsonl", &content).field("purpose", "batch"));
    for form in [fields_first, file_first] {
        for size in [1, 2, 3, 7, 64, 1_000_000] {
            let file = door.send(form.pieces(FILES, size)).await.ok();
            assert_eq!((&file["filename"], &file["bytes"]), (&json!("a b.jsonl"), &json!(content.len())), "{size}");
            let got = door.get(&format!("{FILES}/{}/content", file["id"].as_str().unwrap())).await;
            assert_eq!(got.text(), content, "{size}");
        }
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let door = Door::new(rules());
    let whole = input(LINE).bytes();
    let cut = whole[..whole.len() - 30].to_vec();
    let lines: Vec<u8> = whole.iter().copied().filter(|byte| *byte != b'\r').collect();
    let headless = vec![b'-'; 3 << 20];
    let mut endless = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"").into_bytes();
    endless.extend(vec![b'x'; 3 << 20]);
    for (body, what) in [
        (Vec::new(), "nothing"),
        (b"--".to_vec(), "the beginning of a boundary"),
        (cut, "no last boundary"),
        (lines, "line feeds only"),
        (headless, "no boundary"),
        (endless, "a head without an end"),
    ] {
        let got = door.send(request(FILES, Body::from(body))).await;
        assert_eq!((got.status, got.code()), (StatusCode::BAD_REQUEST, "invalid_multipart".to_owned()), "{what}");
    }
    for (disposition, what) in [
        ("form-data; name=\"purpose\"\r\nA secret: b", "a name with a space"),
        ("form-data; name=\"purpose\"\r\nsecret", "a head without a colon"),
    ] {
        let (message, ..) = Form::default().part(disposition, b"batch").post(&door, FILES).await.error(400);
        let want = "The body is not valid multipart/form-data: the head of a part cannot be read.";
        assert_eq!(message, want, "{what}");
    }
    let many = (0..30).fold(Form::default(), |form, _| form.field("purpose", "batch"));
    assert_eq!(many.post(&door, FILES).await.code(), "invalid_multipart");
    assert_eq!(door.fakes.objects.names(), []);
}

#[tokio::test]
async fn another_kind_of_body_is_refused() {
    let door = Door::new(rules());
    for kind in ["application/json", "multipart/form-data", "multipart/mixed; boundary=x", ""] {
        let mut request = input(LINE).pieces(FILES, 1_000);
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        let got = door.send(request).await;
        assert_eq!((got.status, got.code()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type".to_owned()));
    }
    let mut zipped = input(LINE).pieces(FILES, 1_000);
    zipped.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(door.send(zipped).await.code(), "unsupported_media_type");
    let mut quoted = input(LINE).pieces(FILES, 1_000);
    let kind = format!("Multipart/Form-Data; charset=utf-8; boundary=\"{BOUNDARY}\"");
    quoted.headers_mut().insert("content-type", kind.parse().unwrap());
    door.send(quoted).await.ok();
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing() {
    let door = Door::new(rules());
    let whole = input(format!("{LINE}\n").repeat(100)).bytes();
    let half = Bytes::from(whole[..whole.len() / 2].to_vec());
    let pieces = stream::iter([Ok(half), Err(std::io::Error::other("reset"))]);
    let got = door.send(request(FILES, Body::from_stream(pieces))).await;
    assert_eq!(got.error(400).2, json!("incomplete_body"));
    assert_eq!((door.fakes.objects.names(), door.fakes.files.snapshot()), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_falls_silent_is_given_up() {
    let door = Door::new(rules());
    let whole = input(LINE).bytes();
    let half = Ok::<_, std::io::Error>(Bytes::from(whole[..whole.len() / 2].to_vec()));
    let pieces = stream::iter([half]).chain(stream::pending());
    let began = tokio::time::Instant::now();
    let got = door.send(request(FILES, Body::from_stream(pieces))).await;
    assert_eq!(got.error(408).2, json!("body_timeout"));
    assert!(began.elapsed() < Duration::from_mins(2));
    assert_eq!(door.fakes.objects.names(), []);
}

/// A form of a file of that many MiB, a piece at a time with a pause before each.
async fn sent(door: &Door, mib: usize, piece: usize, pause: Duration) -> crate::door::Got {
    let whole = Bytes::from(Form::default().field("purpose", "vision").file("file", "a", vec![0; mib << 20]).bytes());
    let pieces = stream::unfold(whole, move |mut rest| async move {
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(piece.min(rest.len()));
        (!piece.is_empty()).then_some((Ok::<_, std::io::Error>(piece), rest))
    });
    door.send(request(FILES, Body::from_stream(pieces))).await
}

#[tokio::test(start_paused = true)]
async fn a_form_that_trickles_in_is_given_up() {
    let door = Door::new(Rules { max_file_bytes: 8 << 20, ..rules() });
    let began = tokio::time::Instant::now();
    let got = sent(&door, 1, 1, Duration::from_secs(1)).await;
    assert_eq!(got.error(408).2, json!("body_timeout"));
    assert!(began.elapsed() < Duration::from_mins(2), "{:?}", began.elapsed());
    // As slowly as half of what is asked for.
    let got = sent(&door, 4, 100 << 10, Duration::from_secs(12)).await;
    assert_eq!(got.error(408).2, json!("body_timeout"));
    assert_eq!(door.fakes.objects.names(), []);
}

#[tokio::test(start_paused = true)]
async fn a_form_that_comes_slowly_but_steadily_is_taken() {
    let door = Door::new(Rules { max_file_bytes: 8 << 20, ..rules() });
    sent(&door, 4, 100 << 10, Duration::from_secs(5)).await.ok();
}
