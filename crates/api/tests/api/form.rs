//! Multipart forms, as clients write them and as they get them wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use futures_util::stream;

use crate::door::{Door, Got};

pub(crate) const BOUNDARY: &str = "offpeak-boundary";

/// What is sent as a batch's input where nothing depends on it.
pub(crate) const LINE: &str =
    r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[]}}"#;

/// A form that is being written.
#[derive(Clone, Default)]
pub(crate) struct Form(Vec<u8>);

impl Form {
    /// A field.
    pub(crate) fn field(self, name: &str, value: &str) -> Self {
        self.part(&format!("form-data; name=\"{name}\""), value.as_bytes())
    }

    /// A file.
    pub(crate) fn file(self, name: &str, filename: &str, content: impl AsRef<[u8]>) -> Self {
        self.part(&format!("form-data; name=\"{name}\"; filename=\"{filename}\""), content.as_ref())
    }

    pub(crate) fn part(mut self, disposition: &str, content: &[u8]) -> Self {
        self.0.extend(format!("--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n").bytes());
        self.0.extend(b"Content-Type: application/octet-stream\r\n\r\n");
        self.0.extend(content);
        self.0.extend(b"\r\n");
        self
    }

    /// Its bytes, ended.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&self.0, format!("--{BOUNDARY}--\r\n").as_bytes()].concat()
    }

    /// A request that sends it in pieces, its length untold.
    pub(crate) fn pieces(&self, path: &str, size: usize) -> Request {
        let pieces: Vec<_> = self.bytes().chunks(size).map(Bytes::copy_from_slice).map(Ok::<_, Infallible>).collect();
        request(path, Body::from_stream(stream::iter(pieces)))
    }

    pub(crate) async fn post(&self, door: &Door, path: &str) -> Got {
        door.send(self.pieces(path, 1_000)).await
    }
}

/// A request with a form as its body.
pub(crate) fn request(path: &str, body: Body) -> Request {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    http::Request::post(path).header("content-type", kind).body(body).unwrap()
}

/// A file for batches.
pub(crate) fn input(content: impl AsRef<[u8]>) -> Form {
    Form::default().field("purpose", "batch").file("file", "my input.jsonl", content)
}
