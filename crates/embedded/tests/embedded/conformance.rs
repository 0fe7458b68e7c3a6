//! The suites that every implementation of a port passes, each case on a directory of its own.
#![expect(clippy::unused_async, reason = "factories are async: other stores need it")]

use std::sync::Arc;

use offpeak_core::ports;
use offpeak_embedded::Store;
use offpeak_testkit::conformance::mailbox::Stand;

use super::mailbox::Folders;
use super::samples::Dir;

/// Kept until a case ends.
type Guard = (Store, Dir);

fn fresh() -> Guard {
    let dir = Dir::new();
    (dir.open(), dir)
}

async fn jobs() -> (Arc<dyn ports::Jobs>, Guard) {
    let guard = fresh();
    (guard.0.jobs(), guard)
}

async fn job_index() -> (Arc<dyn ports::Jobs>, Arc<dyn ports::JobIndex>, Guard) {
    let guard = fresh();
    (guard.0.jobs(), guard.0.jobs(), guard)
}

async fn job_sweep() -> (Arc<dyn ports::Jobs>, Arc<dyn ports::JobSweep>, Guard) {
    let guard = fresh();
    (guard.0.jobs(), guard.0.jobs(), guard)
}

async fn job_walk() -> (Arc<dyn ports::Jobs>, Arc<dyn ports::JobWalk>, Guard) {
    let guard = fresh();
    (guard.0.jobs(), guard.0.jobs(), guard)
}

async fn submissions() -> (Arc<dyn ports::Submissions>, Guard) {
    let guard = fresh();
    (guard.0.submissions(), guard)
}

async fn submission_sweep() -> (Arc<dyn ports::Submissions>, Arc<dyn ports::SubmissionSweep>, Guard) {
    let guard = fresh();
    (guard.0.submissions(), guard.0.submissions(), guard)
}

async fn submission_walk() -> (Arc<dyn ports::Submissions>, Arc<dyn ports::SubmissionWalk>, Guard) {
    let guard = fresh();
    (guard.0.submissions(), guard.0.submissions(), guard)
}

async fn files() -> (Arc<dyn ports::Files>, Guard) {
    let guard = fresh();
    (guard.0.files(), guard)
}

async fn file_sweep() -> (Arc<dyn ports::Files>, Arc<dyn ports::FileSweep>, Guard) {
    let guard = fresh();
    (guard.0.files(), guard.0.files(), guard)
}

async fn uploads() -> (Arc<dyn ports::Uploads>, Guard) {
    let guard = fresh();
    (guard.0.uploads(), guard)
}

async fn upload_sweep() -> (Arc<dyn ports::Uploads>, Arc<dyn ports::UploadSweep>, Guard) {
    let guard = fresh();
    (guard.0.uploads(), guard.0.uploads(), guard)
}

async fn batches() -> (Arc<dyn ports::Batches>, Guard) {
    let guard = fresh();
    (guard.0.batches(), guard)
}

async fn batch_walk() -> (Arc<dyn ports::Batches>, Arc<dyn ports::BatchWalk>, Guard) {
    let guard = fresh();
    (guard.0.batches(), guard.0.batches(), guard)
}

async fn batch_sweep() -> (Arc<dyn ports::Batches>, Arc<dyn ports::BatchSweep>, Guard) {
    let guard = fresh();
    (guard.0.batches(), guard.0.batches(), guard)
}

async fn receivers() -> (Arc<dyn ports::Receivers>, Guard) {
    let guard = fresh();
    (guard.0.receivers(), guard)
}

async fn notices() -> (Arc<dyn ports::Notices>, Guard) {
    let guard = fresh();
    (guard.0.notices(), guard)
}

async fn notice_sweep() -> (Arc<dyn ports::Notices>, Arc<dyn ports::NoticeSweep>, Guard) {
    let guard = fresh();
    (guard.0.notices(), guard.0.notices(), guard)
}

async fn chunks() -> (Arc<dyn ports::Chunks>, Guard) {
    let guard = fresh();
    (guard.0.chunks(), guard)
}

async fn classes() -> (Arc<dyn ports::Classes>, Guard) {
    let guard = fresh();
    (guard.0.classes(), guard)
}

async fn intake() -> (Arc<dyn ports::Intake>, Guard) {
    let guard = fresh();
    (guard.0.intake(), guard)
}

async fn mailbox() -> (Arc<dyn ports::Mailbox>, Arc<dyn Stand>, Guard) {
    let guard = fresh();
    guard.0.mailbox().prepare().unwrap();
    (guard.0.mailbox(), Arc::new(Folders::of(&guard.1)), guard)
}

async fn objects() -> (Arc<dyn ports::Objects>, Guard) {
    let guard = fresh();
    (guard.0.objects(), guard)
}

async fn usage() -> (Arc<dyn ports::Usage>, Guard) {
    let guard = fresh();
    (guard.0.usage(), guard)
}

async fn keys() -> (Arc<dyn ports::Keys>, Guard) {
    let guard = fresh();
    (guard.0.keys(), guard)
}

async fn credentials() -> (Arc<dyn ports::Credentials>, Guard) {
    let guard = fresh();
    (guard.0.credentials(), guard)
}

mod of_jobs {
    offpeak_testkit::jobs_conformance!(super::jobs);
}

mod of_job_index {
    offpeak_testkit::job_index_conformance!(super::job_index);
}

mod of_job_sweep {
    offpeak_testkit::job_sweep_conformance!(super::job_sweep);
}

mod of_job_walk {
    offpeak_testkit::job_walk_conformance!(super::job_walk);
}

mod of_submissions {
    offpeak_testkit::submissions_conformance!(super::submissions);
}

mod of_submission_sweep {
    offpeak_testkit::submission_sweep_conformance!(super::submission_sweep);
}

mod of_submission_walk {
    offpeak_testkit::submission_walk_conformance!(super::submission_walk);
}

mod of_files {
    offpeak_testkit::files_conformance!(super::files);
}

mod of_file_sweep {
    offpeak_testkit::file_sweep_conformance!(super::file_sweep);
}

mod of_uploads {
    offpeak_testkit::uploads_conformance!(super::uploads);
}

mod of_upload_sweep {
    offpeak_testkit::upload_sweep_conformance!(super::upload_sweep);
}

mod of_batches {
    offpeak_testkit::batches_conformance!(super::batches);
}

mod of_batch_walk {
    offpeak_testkit::batch_walk_conformance!(super::batch_walk);
}

mod of_batch_sweep {
    offpeak_testkit::batch_sweep_conformance!(super::batch_sweep);
}

mod of_receivers {
    offpeak_testkit::receivers_conformance!(super::receivers);
}

mod of_notices {
    offpeak_testkit::notices_conformance!(super::notices);
}

mod of_notice_sweep {
    offpeak_testkit::notice_sweep_conformance!(super::notice_sweep);
}

mod of_chunks {
    offpeak_testkit::chunks_conformance!(super::chunks);
}

mod of_served {
    offpeak_testkit::served_conformance!(super::chunks);
}

mod of_classes {
    offpeak_testkit::classes_conformance!(super::classes);
}

mod of_intake {
    offpeak_testkit::intake_conformance!(super::intake);
}

mod of_mailbox {
    offpeak_testkit::mailbox_conformance!(super::mailbox);
}

mod of_objects {
    offpeak_testkit::objects_conformance!(super::objects);
}

mod of_usage {
    offpeak_testkit::usage_conformance!(super::usage);
}

mod of_keys {
    offpeak_testkit::keys_conformance!(super::keys);
}

mod of_credentials {
    offpeak_testkit::credentials_conformance!(super::credentials);
}
