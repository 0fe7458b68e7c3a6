//! The upload of a submission's file, streamed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use offpeak_core::ids::FileId;
use offpeak_core::ports::{ByteStream, StoreError, Upload};
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use secrecy::SecretString;

use super::Backend;
use super::call::{json, send};
use super::failure::Failure;
use super::wire::File;

type Piece = Result<Bytes, StoreError>;

/// Uploads once: its bytes stream by and cannot be sent again.
pub(super) async fn upload(backend: &Backend, key: &SecretString, upload: Upload) -> Result<FileId, Failure> {
    let spoilt = Arc::new(AtomicBool::new(false));
    let body = Body::wrap_stream(exactly(upload.bytes, upload.length, Arc::clone(&spoilt)));
    let file = Part::stream_with_length(body, upload.length)
        .file_name(format!("{}.jsonl", upload.submission))
        .mime_str("application/jsonl")
        .map_err(|_| Failure::Source)?;
    let form = Form::new().text("purpose", "batch").part("file", file);
    let request = backend.caller.once(&["files"], backend.upload_timeout).multipart(form);
    let response = match send(request, key).await {
        Err(_) if spoilt.load(Ordering::Relaxed) => return Err(Failure::Source),
        other => other?,
    };
    let file: File = json(response).await?;
    file.id.map(FileId).ok_or(Failure::Unreadable)
}

/// Passes exactly `length` bytes, or fails: a stream of another length would end the form in the wrong place. Sets
/// `spoilt` when the fault is the stream's and not the network's.
fn exactly(bytes: ByteStream, length: u64, spoilt: Arc<AtomicBool>) -> impl Stream<Item = Piece> + Send + 'static {
    stream::unfold(Some((bytes, length)), move |state| {
        let spoilt = Arc::clone(&spoilt);
        async move {
            let (mut bytes, left) = state?;
            let error = match bytes.next().await {
                Some(Ok(piece)) => match left.checked_sub(piece.len() as u64) {
                    Some(left) => return Some((Ok(piece), Some((bytes, left)))),
                    None => StoreError::Corrupt("longer than was said".to_owned()),
                },
                Some(Err(error)) => error,
                None if left == 0 => return None,
                None => StoreError::Corrupt("shorter than was said".to_owned()),
            };
            spoilt.store(true, Ordering::Relaxed);
            Some((Err(error), None))
        }
    })
}
