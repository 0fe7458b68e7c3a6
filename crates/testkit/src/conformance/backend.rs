//! The promises of [`Backend`] about batches; those about files are in [`super::backend_files`].
//!
//! The backend under test must be calm: it answers every line with success, within some seconds.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::{BatchId, FileId, JobId, SubmissionId};
use offpeak_core::ports::{Backend, BackendError, BatchPhase, BatchReport, CreateReply, Marker, NewBatch, Upload};
use offpeak_core::submission::line::{self, LineOutcome};
use offpeak_core::submission::{LineCounts, Size};
use secrecy::SecretString;

use super::eventually;
use crate::samples::Namespace;

/// How long a calm backend may take for a few lines, or to list a batch, in milliseconds.
const PATIENCE_MS: u64 = 10_000;

/// Makes each promise of a backend a test. The factory gives `(Arc<dyn Backend>, Arc<SecretString>, guard)`: the secret
/// is a key that the backend accepts.
#[macro_export]
macro_rules! backend_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            backend(port, key),
            $factory,
            [
                a_batch_answers_each_line_once,
                a_batch_of_hundreds_of_lines_answers_all,
                a_batch_is_found_by_its_marker,
                twins_are_found_oldest_first,
                a_marker_finds_no_other_batch,
                batches_before_the_time_given_are_not_found,
                an_unknown_batch_is_not_found,
                a_cancel_ends_a_batch,
                an_ended_batch_may_be_cancelled,
                an_invalid_file_runs_nothing,
                a_missing_file_runs_nothing,
            ]
        );
        $crate::conformance_cases!(
            backend_files(port, key),
            $factory,
            [
                a_repeated_upload_makes_a_second_file,
                an_upload_that_breaks_off_is_an_error,
                results_hold_the_lines_that_are_counted,
                a_length_told_is_the_length_sent,
                a_download_may_be_repeated,
                an_unknown_file_is_not_found,
                a_deleted_file_is_gone,
                deleting_a_missing_file_is_no_error,
            ]
        );
    };
}

/// A file of so many lines, and whose they are.
pub(super) fn lines(names: &Namespace, count: usize) -> (BTreeSet<JobId>, Bytes) {
    let (mut jobs, mut file) = (BTreeSet::new(), BytesMut::new());
    for n in 0..count {
        let job = names.job_id();
        let body = format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"Say {n}."}}]}}"#);
        line::write(&mut file, job, Endpoint::ChatCompletions, body.as_bytes());
        jobs.insert(job);
    }
    (jobs, file.freeze())
}

/// Uploads a file in small pieces.
pub(super) async fn upload(
    backend: &dyn Backend,
    key: &SecretString,
    submission: SubmissionId,
    file: &Bytes,
) -> Result<FileId, BackendError> {
    let pieces: Vec<_> = file.chunks(10_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let bytes = stream::iter(pieces).boxed();
    backend.upload(key, Upload { submission, length: file.len() as u64, bytes }).await
}

async fn create(backend: &dyn Backend, key: &SecretString, submission: SubmissionId, file: &FileId) -> CreateReply {
    let endpoint = Endpoint::ChatCompletions;
    backend.create(key, NewBatch { submission, file: file.clone(), endpoint, timeout_ms: 10_000 }).await
}

/// Creates a batch, which must succeed.
pub(super) async fn begin(
    backend: &dyn Backend,
    key: &SecretString,
    submission: SubmissionId,
    file: &FileId,
) -> BatchId {
    let reply = create(backend, key, submission, file).await;
    let CreateReply::Created(batch) = reply else { panic!("a calm backend creates the batch: {reply:?}") };
    batch
}

/// Waits until a batch has ended.
pub(super) async fn ended(backend: &dyn Backend, key: &SecretString, batch: &BatchId) -> BatchReport {
    let mut last = None;
    eventually("the batch ends", PATIENCE_MS, async || {
        let report = backend.poll(key, batch).await.unwrap();
        let over = report.phase != BatchPhase::Running;
        last = Some(report);
        over
    })
    .await;
    last.unwrap()
}

/// Downloads a file; a length told beforehand must be right.
pub(super) async fn fetch(backend: &dyn Backend, key: &SecretString, file: &FileId) -> Bytes {
    let mut download = backend.download(key, file).await.unwrap();
    let mut bytes = BytesMut::new();
    while let Some(piece) = download.bytes.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    assert!(download.length.is_none_or(|length| length == bytes.len() as u64), "as long as it said");
    bytes.freeze()
}

/// Whose lines were answered with success, over all files of a batch; each must be there once.
async fn answered(backend: &dyn Backend, key: &SecretString, report: &BatchReport) -> BTreeSet<JobId> {
    let mut jobs = BTreeSet::new();
    for file in &report.files {
        let bytes = fetch(backend, key, &file.id).await;
        for text in bytes.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
            let result = line::read(text).unwrap();
            let LineOutcome::Answered { status: 200, offset, length, .. } = result.outcome else { continue };
            assert!(text[offset..offset + length].starts_with(b"{"), "a body is JSON");
            assert!(jobs.insert(result.job), "{} is answered once", result.job);
        }
    }
    jobs
}

/// Begins a batch of so many lines under a fresh marker.
async fn begin_lines(
    backend: &dyn Backend,
    key: &SecretString,
    names: &Namespace,
    count: usize,
) -> (BTreeSet<JobId>, Marker, BatchId) {
    let (jobs, file) = lines(names, count);
    let submission = names.submission_id();
    let file = upload(backend, key, submission, &file).await.unwrap();
    let batch = begin(backend, key, submission, &file).await;
    (jobs, Marker { submission, file, since_ms: 0 }, batch)
}

/// From upload to results, no line of a submission within the limits is lost or repeated.
pub async fn a_batch_answers_each_line_once(backend: &dyn Backend, key: &SecretString) {
    let few = Size { requests: 7, bytes: 2_000, tokens: 100, inputs: 7 };
    assert!(backend.limits("m").hold(few), "{:?}", backend.limits("m"));
    let (jobs, _, batch) = begin_lines(backend, key, &Namespace::fresh(), 7).await;
    let report = ended(backend, key, &batch).await;
    assert_eq!(report.phase, BatchPhase::Completed);
    assert!(report.counts.is_none_or(|counts| counts == LineCounts { total: 7, completed: 7, failed: 0 }));
    assert_eq!(answered(backend, key, &report).await, jobs);
}

/// A file of many pieces arrives whole.
pub async fn a_batch_of_hundreds_of_lines_answers_all(backend: &dyn Backend, key: &SecretString) {
    let (jobs, _, batch) = begin_lines(backend, key, &Namespace::fresh(), 400).await;
    let report = ended(backend, key, &batch).await;
    assert_eq!(answered(backend, key, &report).await, jobs);
}

/// The list shows a batch, sooner or later, running or ended.
pub async fn a_batch_is_found_by_its_marker(backend: &dyn Backend, key: &SecretString) {
    let (_, marker, batch) = begin_lines(backend, key, &Namespace::fresh(), 1).await;
    let found = async || backend.find(key, marker.clone()).await.unwrap() == [batch.clone()];
    eventually("the batch is listed", PATIENCE_MS, found).await;
    ended(backend, key, &batch).await;
    assert!(found().await, "also when it has ended");
}

/// Two creates make two batches; both bear the marker, and the older comes first.
pub async fn twins_are_found_oldest_first(backend: &dyn Backend, key: &SecretString) {
    let (_, marker, first) = begin_lines(backend, key, &Namespace::fresh(), 1).await;
    // Providers tell the time of creation in seconds.
    super::pause(1_100).await;
    let second = begin(backend, key, marker.submission, &marker.file).await;
    assert_ne!(first, second, "a create is not idempotent");
    let found = async || backend.find(key, marker.clone()).await.unwrap() == [first.clone(), second.clone()];
    eventually("both are listed, the older first", PATIENCE_MS, found).await;
}

/// Batches of other submissions and files do not bear the marker.
pub async fn a_marker_finds_no_other_batch(backend: &dyn Backend, key: &SecretString) {
    let names = Namespace::fresh();
    let (_, other, batch) = begin_lines(backend, key, &names, 1).await;
    let (_, file) = lines(&names, 1);
    let submission = names.submission_id();
    let file = upload(backend, key, submission, &file).await.unwrap();
    let listed = async || backend.find(key, other.clone()).await.unwrap() == [batch.clone()];
    eventually("the other batch is listed", PATIENCE_MS, listed).await;
    let found = backend.find(key, Marker { submission, file, since_ms: 0 }).await.unwrap();
    assert_eq!(found, []);
}

/// What is older than the marker's time is not looked at.
pub async fn batches_before_the_time_given_are_not_found(backend: &dyn Backend, key: &SecretString) {
    let (_, marker, batch) = begin_lines(backend, key, &Namespace::fresh(), 1).await;
    let found = async || backend.find(key, marker.clone()).await.unwrap() == [batch.clone()];
    eventually("the batch is listed", PATIENCE_MS, found).await;
    let later = Marker { since_ms: 4_000_000_000_000, ..marker.clone() };
    assert_eq!(backend.find(key, later).await.unwrap(), []);
}

/// A batch that was never created cannot be polled.
pub async fn an_unknown_batch_is_not_found(backend: &dyn Backend, key: &SecretString) {
    let reply = backend.poll(key, &"batch_00000000000000000000000000000000".into()).await;
    assert!(matches!(reply, Err(BackendError::NotFound)), "{reply:?}");
}

/// A cancelled batch ends; what it had finished by then can be had, and nothing twice.
pub async fn a_cancel_ends_a_batch(backend: &dyn Backend, key: &SecretString) {
    let (jobs, _, batch) = begin_lines(backend, key, &Namespace::fresh(), 20).await;
    for _ in 0..2 {
        backend.cancel(key, &batch).await.unwrap();
    }
    let report = ended(backend, key, &batch).await;
    assert!(matches!(report.phase, BatchPhase::Cancelled | BatchPhase::Completed), "{report:?}");
    let answered = answered(backend, key, &report).await;
    assert!(answered.is_subset(&jobs));
    assert!(report.counts.is_none_or(|counts| counts.completed == answered.len() as u64), "the counts agree");
}

/// A cancel that comes too late is no error, and changes nothing.
pub async fn an_ended_batch_may_be_cancelled(backend: &dyn Backend, key: &SecretString) {
    let (_, _, batch) = begin_lines(backend, key, &Namespace::fresh(), 1).await;
    assert_eq!(ended(backend, key, &batch).await.phase, BatchPhase::Completed);
    for _ in 0..2 {
        backend.cancel(key, &batch).await.unwrap();
        assert_eq!(ended(backend, key, &batch).await.phase, BatchPhase::Completed);
    }
}

/// A file that is no JSONL is refused: at upload, at create, or by the batch's failure.
pub async fn an_invalid_file_runs_nothing(backend: &dyn Backend, key: &SecretString) {
    let submission = Namespace::fresh().submission_id();
    match upload(backend, key, submission, &Bytes::from_static(b"this is no JSON\n")).await {
        Ok(file) => refused(backend, key, submission, &file).await,
        Err(error) => assert!(matches!(error, BackendError::Refused(_)), "{error:?}"),
    }
}

/// A file that is not there is refused: at create, or by the batch's failure.
pub async fn a_missing_file_runs_nothing(backend: &dyn Backend, key: &SecretString) {
    let names = Namespace::fresh();
    let submission = names.submission_id();
    let (_, file) = lines(&names, 1);
    let file = upload(backend, key, submission, &file).await.unwrap();
    backend.delete(key, &file).await.unwrap();
    refused(backend, key, submission, &file).await;
}

async fn refused(backend: &dyn Backend, key: &SecretString, submission: SubmissionId, file: &FileId) {
    let batch = match create(backend, key, submission, file).await {
        CreateReply::Refused(_) => return,
        CreateReply::Created(batch) => batch,
        reply @ (CreateReply::Throttled { .. } | CreateReply::Unclear) => panic!("a definite answer: {reply:?}"),
    };
    let report = ended(backend, key, &batch).await;
    assert!(matches!(report.phase, BatchPhase::Failed(_)), "{report:?}");
    assert_eq!(report.files, [], "nothing ran");
}
