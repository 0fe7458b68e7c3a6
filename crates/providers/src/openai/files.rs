//! Files brought home and deleted.

use futures_util::{StreamExt as _, TryStreamExt as _};
use http::header;
use offpeak_core::ids::FileId;
use offpeak_core::ports::{Download, StoreError};
use reqwest::Method;
use secrecy::SecretString;

use super::Backend;
use super::call::send;
use super::failure::Failure;

/// Begins a download. Repeated until it begins; once bytes flow, a cut is an `Err` at the stream's end.
pub(super) async fn download(backend: &Backend, key: &SecretString, file: &FileId) -> Result<Download, Failure> {
    let path = ["files", file.as_str(), "content"];
    let response = backend
        .retry
        .run(|| {
            let request = backend.caller.read(Method::GET, &path, &[]).header(header::ACCEPT, "application/binary");
            send(request, key)
        })
        .await?;
    let length = response.content_length();
    let cut = |_| StoreError::Unavailable("the download was cut off".to_owned());
    Ok(Download { length, bytes: response.bytes_stream().map_err(cut).boxed() })
}

/// Deletes a file; one that is not there is no failure.
pub(super) async fn delete(backend: &Backend, key: &SecretString, file: &FileId) -> Result<(), Failure> {
    let path = ["files", file.as_str()];
    let deleted = backend
        .retry
        .run(|| async {
            let request = backend.caller.read(Method::DELETE, &path, &[]).timeout(backend.caller.answer_timeout());
            send(request, key).await.map(drop)
        })
        .await;
    match deleted {
        Err(Failure::Denied(denial)) if denial.status == 404 => Ok(()),
        other => other,
    }
}
