//! The upload of a submission's file, streamed.

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

/// Uploads once: its bytes stream by and cannot be sent again.
pub(super) async fn upload(backend: &Backend, key: &SecretString, upload: Upload) -> Result<FileId, Failure> {
    let (spoilt, mut told) = tokio::sync::oneshot::channel();
    let body = Body::wrap_stream(exactly(upload.bytes, upload.length, spoilt));
    let file = Part::stream_with_length(body, upload.length)
        .file_name(format!("{}.jsonl", upload.submission))
        .mime_str("application/jsonl")
        .map_err(|_| Failure::Source)?;
    let form = Form::new().text("purpose", "batch").part("file", file);
    let request = backend.caller.once(&["files"], backend.upload_timeout).multipart(form);
    let response = match send(request, key).await {
        Err(_) if told.try_recv().is_ok() => return Err(Failure::Source),
        other => other?,
    };
    let file: File = json(response).await?;
    file.id.map(FileId).ok_or(Failure::Unreadable)
}

/// Passes exactly `length` bytes, or fails: a stream of another length would end the form in the wrong place. Tells
/// `spoilt` when the fault is the stream's and not the network's.
fn exactly(
    bytes: ByteStream,
    length: u64,
    spoilt: tokio::sync::oneshot::Sender<()>,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static {
    let start = Some((bytes, length, spoilt));
    stream::unfold(start, |state| async move {
        let (mut bytes, left, spoilt) = state?;
        let piece = match bytes.next().await {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => return Some(tell(spoilt, error)),
            None if left == 0 => return None,
            None => return Some(tell(spoilt, StoreError::Corrupt("shorter than was said".to_owned()))),
        };
        match left.checked_sub(piece.len() as u64) {
            Some(left) => Some((Ok(piece), Some((bytes, left, spoilt)))),
            None => Some(tell(spoilt, StoreError::Corrupt("longer than was said".to_owned()))),
        }
    })
}

type Unfolded = (Result<Bytes, StoreError>, Option<(ByteStream, u64, tokio::sync::oneshot::Sender<()>)>);

fn tell(spoilt: tokio::sync::oneshot::Sender<()>, error: StoreError) -> Unfolded {
    // Nobody listens any more when the upload was given up.
    drop(spoilt.send(()));
    (Err(error), None)
}
