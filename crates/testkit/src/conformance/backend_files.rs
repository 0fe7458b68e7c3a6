//! The promises of [`Backend`] about files: uploads, downloads, deletes.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use offpeak_core::ids::FileId;
use offpeak_core::ports::{Backend, BackendError, ProviderFile, StoreError, Upload};
use secrecy::SecretString;

use super::backend::{begin, ended, fetch, lines, upload};
use crate::samples::Namespace;

/// A name of the right shape that no file has.
const NO_FILE: &str = "file-00000000000000000000000000000000";

/// The result files of a batch of five lines.
async fn results(backend: &dyn Backend, key: &SecretString) -> Vec<ProviderFile> {
    let names = Namespace::fresh();
    let (_, file) = lines(&names, 5);
    let submission = names.submission_id();
    let file = upload(backend, key, submission, &file).await.unwrap();
    let batch = begin(backend, key, submission, &file).await;
    let files = ended(backend, key, &batch).await.files;
    assert!(!files.is_empty(), "a batch leaves its results");
    files
}

async fn is_missing(backend: &dyn Backend, key: &SecretString, file: &FileId) -> bool {
    matches!(backend.download(key, file).await, Err(BackendError::NotFound))
}

/// A repeat makes a file of its own: deleting one leaves the other fit to run.
pub async fn a_repeated_upload_makes_a_second_file(backend: &dyn Backend, key: &SecretString) {
    let names = Namespace::fresh();
    let (_, file) = lines(&names, 2);
    let submission = names.submission_id();
    let first = upload(backend, key, submission, &file).await.unwrap();
    let second = upload(backend, key, submission, &file).await.unwrap();
    assert_ne!(first, second);
    backend.delete(key, &first).await.unwrap();
    let batch = begin(backend, key, submission, &second).await;
    assert!(!ended(backend, key, &batch).await.files.is_empty(), "the second file runs");
}

/// A file whose bytes could not be read to the end is not passed off as whole.
pub async fn an_upload_that_breaks_off_is_an_error(backend: &dyn Backend, key: &SecretString) {
    let names = Namespace::fresh();
    let (_, file) = lines(&names, 3);
    let half = file.slice(..file.len() / 2);
    let pieces = vec![Ok(half), Err(StoreError::Unavailable("broken off".to_owned()))];
    let bytes = stream::iter(pieces).boxed();
    let upload = Upload { submission: names.submission_id(), length: file.len() as u64, bytes };
    let reply = backend.upload(key, upload).await;
    assert!(reply.is_err(), "{reply:?}");
}

/// Where a batch says how many lines a file must have, it has them.
pub async fn results_hold_the_lines_that_are_counted(backend: &dyn Backend, key: &SecretString) {
    for file in results(backend, key).await {
        let bytes = fetch(backend, key, &file.id).await;
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        assert!(file.lines.is_none_or(|least| least <= lines as u64), "{file:?} has {lines} lines");
    }
}

/// Where a download tells its length beforehand, so many bytes come.
pub async fn a_length_told_is_the_length_sent(backend: &dyn Backend, key: &SecretString) {
    for file in results(backend, key).await {
        assert!(!fetch(backend, key, &file.id).await.is_empty(), "no file is empty");
    }
}

/// A file comes down as often as wanted, always the same.
pub async fn a_download_may_be_repeated(backend: &dyn Backend, key: &SecretString) {
    for file in results(backend, key).await {
        let first: Bytes = fetch(backend, key, &file.id).await;
        assert_eq!(fetch(backend, key, &file.id).await, first);
    }
}

/// A file that was never there cannot be downloaded.
pub async fn an_unknown_file_is_not_found(backend: &dyn Backend, key: &SecretString) {
    assert!(is_missing(backend, key, &FileId::from(NO_FILE)).await);
}

/// A deleted file is not found, and its delete may be repeated.
pub async fn a_deleted_file_is_gone(backend: &dyn Backend, key: &SecretString) {
    for file in results(backend, key).await {
        for _ in 0..2 {
            backend.delete(key, &file.id).await.unwrap();
            assert!(is_missing(backend, key, &file.id).await);
        }
    }
}

/// What is not there need not be deleted.
pub async fn deleting_a_missing_file_is_no_error(backend: &dyn Backend, key: &SecretString) {
    backend.delete(key, &FileId::from(NO_FILE)).await.unwrap();
}
