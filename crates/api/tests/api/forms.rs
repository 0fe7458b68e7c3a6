//! Forms as no client should send them, and as some networks do.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
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
