//! The promises of [`Uploads`].

use futures_util::future::join_all;
use offpeak_core::file::{Upload, UploadPart, UploadState};
use offpeak_core::ports::Uploads;

use crate::samples::Namespace;

/// Makes each promise of the rows of uploads a test. The factory gives `(Arc<dyn Uploads>, guard)`.
#[macro_export]
macro_rules! uploads_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            uploads(port),
            $factory,
            [
                an_upload_reads_as_it_was_written,
                a_missing_upload_is_none,
                a_repeated_create_changes_nothing,
                a_write_of_another_version_is_refused,
                a_write_of_a_missing_upload_is_refused,
                each_of_64_parts_is_added_once,
            ]
        );
    };
}

/// An upload reads back in every field, in every state.
pub async fn an_upload_reads_as_it_was_written(uploads: &dyn Uploads) {
    let names = Namespace::fresh();
    for state in [UploadState::Pending, UploadState::Completed { file: names.file_id() }, UploadState::Cancelled] {
        let first = names.upload();
        uploads.create(&first).await.unwrap();
        assert_eq!(uploads.get(first.id).await.unwrap(), Some(first.clone()));
        let parts = vec![names.upload_part(), names.upload_part()];
        let next = Upload { state, parts, expires_after_ms: None, ..first };
        assert!(uploads.replace(&next).await.unwrap(), "the version is the stored one");
        assert_eq!(uploads.get(next.id).await.unwrap(), Some(Upload { version: 2, ..next }));
    }
}

/// There is nothing under an unused id.
pub async fn a_missing_upload_is_none(uploads: &dyn Uploads) {
    assert_eq!(uploads.get(Namespace::fresh().upload().id).await.unwrap(), None);
}

/// A create never takes an upload back.
pub async fn a_repeated_create_changes_nothing(uploads: &dyn Uploads) {
    let first = Namespace::fresh().upload();
    uploads.create(&first).await.unwrap();
    let next = Upload { state: UploadState::Cancelled, ..first.clone() };
    assert!(uploads.replace(&next).await.unwrap());
    uploads.create(&first).await.unwrap();
    assert_eq!(uploads.get(first.id).await.unwrap(), Some(Upload { version: 2, ..next }));
}

/// Neither an earlier version nor a later one is written.
pub async fn a_write_of_another_version_is_refused(uploads: &dyn Uploads) {
    let first = Namespace::fresh().upload();
    uploads.create(&first).await.unwrap();
    for version in [0, 2, u64::MAX >> 1] {
        let other = Upload { version, state: UploadState::Cancelled, ..first.clone() };
        assert!(!uploads.replace(&other).await.unwrap(), "version {version}");
    }
    assert_eq!(uploads.get(first.id).await.unwrap(), Some(first), "unchanged");
}

/// A write never makes a row.
pub async fn a_write_of_a_missing_upload_is_refused(uploads: &dyn Uploads) {
    let missing = Namespace::fresh().upload();
    assert!(!uploads.replace(&missing).await.unwrap());
    assert_eq!(uploads.get(missing.id).await.unwrap(), None, "still missing");
}

/// Parts that arrive side by side are all there in the end.
pub async fn each_of_64_parts_is_added_once(uploads: &dyn Uploads) {
    let names = Namespace::fresh();
    let first = names.upload();
    uploads.create(&first).await.unwrap();
    let parts: Vec<_> = (0..64).map(|_| names.upload_part()).collect();
    join_all(parts.iter().map(|part| add_part(uploads, &first, part))).await;
    let mut stored = uploads.get(first.id).await.unwrap().unwrap().parts;
    stored.sort_by_key(|part| part.id);
    assert_eq!(stored, parts);
}

async fn add_part(uploads: &dyn Uploads, upload: &Upload, part: &UploadPart) {
    loop {
        let mut now = uploads.get(upload.id).await.unwrap().unwrap();
        now.parts.push(part.clone());
        if uploads.replace(&now).await.unwrap() {
            return;
        }
    }
}
