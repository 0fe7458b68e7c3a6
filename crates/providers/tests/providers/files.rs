//! Files: up, down and away.

use futures_util::{StreamExt as _, stream};
use offpeak_core::ids::FileId;
use offpeak_core::ports::{Backend as _, BackendError, StoreError, Upload};

use crate::stage::{Play, Stage, answer, nobody, ok};
use crate::{SUBMISSION, SUBMISSION_TEXT, backend, key};

fn upload(length: u64, pieces: Vec<Result<&'static str, StoreError>>) -> Upload {
    let bytes = stream::iter(pieces.into_iter().map(|piece| piece.map(bytes::Bytes::from)));
    Upload { submission: SUBMISSION, length, bytes: bytes.boxed() }
}

fn ten_bytes() -> Upload {
    upload(10, vec![Ok("{}\n{"), Ok("}\n"), Ok("{}\n\n")])
}

#[tokio::test]
async fn an_upload_is_one_form_of_known_length() {
    let stage = Stage::saying(ok(r#"{"id":"file-9","status":"processed"}"#)).await;
    let file = backend(stage.base()).upload(&key(), ten_bytes()).await.unwrap();
    assert_eq!(file.as_str(), "file-9");
    let seen = stage.only();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/files"));
    assert_eq!(seen.header("transfer-encoding"), None);
    assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
    let boundary = seen.header("content-type").unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{SUBMISSION_TEXT}.jsonl\"\r\n\
         Content-Type: application/jsonl\r\n\r\n{{}}\n{{}}\n{{}}\n\n\r\n--{boundary}--\r\n"
    );
    assert_eq!(seen.text(), expected);
}

#[tokio::test]
async fn a_file_of_another_length_than_said_is_not_uploaded() {
    let broken = StoreError::Unavailable("disk".to_owned());
    for upload in [
        upload(10, vec![Ok("short")]),
        upload(4, vec![Ok("much"), Ok(" longer")]),
        upload(10, vec![Ok("half"), Err(broken)]),
    ] {
        let stage = Stage::saying(ok(r#"{"id":"file-9"}"#)).await;
        let error = backend(stage.base()).upload(&key(), upload).await.unwrap_err();
        assert!(matches!(&error, BackendError::Source), "{error}");
        assert!(stage.seen().is_empty(), "no whole request arrived");
    }
}

#[tokio::test]
async fn an_upload_that_fails_says_how() {
    for (bytes, expected) in [
        (answer(429, &[("Retry-After", "3")], ""), "Throttled { retry_after_ms: Some(3000) }"),
        (answer(503, &[("Retry-After", "3")], ""), "Throttled { retry_after_ms: Some(3000) }"),
        (answer(500, &[], "their words"), r#"Unavailable("HTTP status 500")"#),
        (answer(413, &[], ""), "Refused(Refusal { status: 413, "),
        (ok("{}"), r#"Unavailable("an answer that cannot be read")"#),
    ] {
        let stage = Stage::saying(bytes).await;
        let error = backend(stage.base()).upload(&key(), ten_bytes()).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        assert_eq!(stage.seen().len(), 1, "its bytes cannot be sent twice");
    }
    let error = backend(nobody().await).upload(&key(), ten_bytes()).await.unwrap_err();
    assert!(matches!(error, BackendError::Unavailable(_)));
}

async fn downloaded(play: fn() -> Play) -> (Option<u64>, Result<Vec<u8>, StoreError>) {
    let stage = Stage::new(move |_, _| play()).await;
    let download = backend(stage.base()).download(&key(), &FileId::from("file/../1?")).await.unwrap();
    let seen = stage.only();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/v1/files/file%2F..%2F1%3F/content"));
    assert_eq!(seen.header("accept"), Some("application/binary"));
    let pieces: Vec<_> = download.bytes.collect().await;
    let whole = pieces.into_iter().collect::<Result<Vec<_>, _>>().map(|pieces| pieces.concat());
    (download.length, whole)
}

#[tokio::test]
async fn a_download_brings_every_byte_and_its_length() {
    let (length, bytes) = downloaded(|| Play::Say(ok("{}\n{}\n"))).await;
    assert_eq!((length, bytes.unwrap().as_slice()), (Some(6), &b"{}\n{}\n"[..]));
    let chunked = || Play::Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec());
    let (length, bytes) = downloaded(chunked).await;
    assert_eq!((length, bytes.unwrap().as_slice()), (None, &b"abc"[..]));
}

#[tokio::test]
async fn a_download_that_ends_early_is_an_error_at_its_end() {
    let short = || Play::SayAndLeave(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_vec());
    let (length, bytes) = downloaded(short).await;
    assert_eq!(length, Some(9));
    assert!(matches!(bytes, Err(StoreError::Unavailable(_))));
    for body in ["3\r\nabc\r\n", "9\r\nabc"] {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let stage = Stage::new(move |_, _| Play::SayAndLeave(format!("{head}{body}").into_bytes())).await;
        let download = backend(stage.base()).download(&key(), &FileId::from("f")).await.unwrap();
        let last = download.bytes.collect::<Vec<_>>().await.pop();
        assert!(matches!(last, Some(Err(StoreError::Unavailable(_)))), "{body}");
    }
}

#[tokio::test]
async fn a_download_that_lies_elsewhere_is_fetched_there_without_the_key() {
    let store = Stage::saying(ok("lines")).await;
    let location = format!("{}/bucket/file?signature=s", store.origin().replace("127.0.0.1", "localhost"));
    let stage = Stage::saying(answer(302, &[("Location", &location)], "")).await;
    let download = backend(stage.base()).download(&key(), &FileId::from("f")).await.unwrap();
    assert_eq!(download.length, Some(5));
    assert_eq!(stage.only().header("authorization"), Some("Bearer sk-very-secret"));
    assert_eq!(store.only().header("authorization"), None);
    assert_eq!(store.only().target, "/bucket/file?signature=s");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_found_and_counts_as_deleted() {
    let stage = Stage::saying(answer(404, &[], r#"{"error":{"message":"No such File object: f"}}"#)).await;
    let backend = backend(stage.base());
    assert!(matches!(backend.download(&key(), &FileId::from("f")).await, Err(BackendError::NotFound)));
    backend.delete(&key(), &FileId::from("f")).await.unwrap();
    let seen = stage.seen();
    assert_eq!((seen[1].method.as_str(), seen[1].target.as_str()), ("DELETE", "/v1/files/f"));
    let refusing = Stage::saying(answer(403, &[], "")).await;
    let error = crate::backend(refusing.base()).delete(&key(), &FileId::from("f")).await.unwrap_err();
    assert!(matches!(error, BackendError::Refused(_)));
}
