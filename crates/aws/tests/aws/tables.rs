//! The suites of the rows, each case on tables of its own; and what only tables promise.

mod expiry;

use std::sync::Arc;

use offpeak_aws::{Chunks, Options, Store};
use offpeak_core::batch::Batch;
use offpeak_core::ports::{self, Batches as _};
use offpeak_testkit::samples::{CREATED_MS, Namespace};

use super::world::{World, chunks_table, clients};

/// 100 years: the samples are of the past, and must not have gone.
const RETENTION_MS: u64 = 100 * 365 * 86_400_000;

/// The ports on fresh tables, keeping what has ended for so long.
async fn store(retention_ms: u64) -> (Store, World) {
    let world = World::fresh().await;
    let options = Options { retention_ms, ..Options::default() };
    (Store::new(world.clients.clone(), world.resources.clone(), options), world)
}

async fn jobs() -> (Arc<dyn ports::Jobs>, ()) {
    (store(RETENTION_MS).await.0.jobs(), ())
}

async fn job_index() -> (Arc<dyn ports::Jobs>, Arc<dyn ports::JobIndex>, ()) {
    let (store, _) = store(RETENTION_MS).await;
    (store.jobs(), store.jobs(), ())
}

async fn job_walk() -> (Arc<dyn ports::Jobs>, Arc<dyn ports::JobWalk>, ()) {
    let (store, _) = store(RETENTION_MS).await;
    (store.jobs(), store.jobs(), ())
}

async fn submissions() -> (Arc<dyn ports::Submissions>, ()) {
    (store(RETENTION_MS).await.0.submissions(), ())
}

async fn submission_walk() -> (Arc<dyn ports::Submissions>, Arc<dyn ports::SubmissionWalk>, ()) {
    let (store, _) = store(RETENTION_MS).await;
    (store.submissions(), store.submissions(), ())
}

async fn files() -> (Arc<dyn ports::Files>, ()) {
    (store(RETENTION_MS).await.0.files(), ())
}

async fn uploads() -> (Arc<dyn ports::Uploads>, ()) {
    (store(RETENTION_MS).await.0.uploads(), ())
}

async fn batches() -> (Arc<dyn ports::Batches>, ()) {
    (store(RETENTION_MS).await.0.batches(), ())
}

async fn receivers() -> (Arc<dyn ports::Receivers>, ()) {
    (store(RETENTION_MS).await.0.receivers(), ())
}

async fn notices() -> (Arc<dyn ports::Notices>, ()) {
    (store(RETENTION_MS).await.0.notices(), ())
}

async fn batch_walk() -> (Arc<dyn ports::Batches>, Arc<dyn ports::BatchWalk>, ()) {
    let (store, _) = store(RETENTION_MS).await;
    (store.batches(), store.batches(), ())
}

async fn chunks() -> (Arc<dyn ports::Chunks>, ()) {
    let clients = clients(Vec::new()).await;
    let table = chunks_table(&clients).await;
    (Arc::new(Chunks::new(clients.dynamodb, table)), ())
}

async fn classes() -> (Arc<dyn ports::Classes>, ()) {
    (store(RETENTION_MS).await.0.classes(), ())
}

async fn keys() -> (Arc<dyn ports::Keys>, ()) {
    (store(RETENTION_MS).await.0.keys(), ())
}

async fn usage() -> (Arc<dyn ports::Usage>, ()) {
    (store(RETENTION_MS).await.0.usage(), ())
}

mod of_jobs {
    offpeak_testkit::jobs_conformance!(super::jobs);
}

mod of_job_index {
    offpeak_testkit::job_index_conformance!(super::job_index);
}

mod of_job_walk {
    offpeak_testkit::job_walk_conformance!(super::job_walk);
}

mod of_submissions {
    offpeak_testkit::submissions_conformance!(super::submissions);
}

mod of_submission_walk {
    offpeak_testkit::submission_walk_conformance!(super::submission_walk);
}

mod of_files {
    offpeak_testkit::files_conformance!(super::files);
}

mod of_uploads {
    offpeak_testkit::uploads_conformance!(super::uploads);
}

mod of_batches {
    offpeak_testkit::batches_conformance!(super::batches);
}

mod of_receivers {
    offpeak_testkit::receivers_conformance!(super::receivers);
}

mod of_notices {
    offpeak_testkit::notices_conformance!(super::notices);
}

mod of_batch_walk {
    offpeak_testkit::batch_walk_conformance!(super::batch_walk);
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

mod of_keys {
    offpeak_testkit::keys_conformance!(super::keys);
}

mod of_usage {
    offpeak_testkit::usage_conformance!(super::usage);
}

/// Ids that derive from keys say nothing of age, so the index must not go by them.
#[tokio::test]
async fn open_batches_are_listed_by_age_whatever_their_ids() {
    let (store, _) = store(RETENTION_MS).await;
    let (batches, names) = (store.batches(), Namespace::fresh());
    let rows = [3, 0, 2, 1].map(|age| Batch { created_ms: CREATED_MS - age, ..names.batch() });
    for batch in &rows {
        batches.create(batch).await.unwrap();
    }
    assert_eq!(batches.open().await.unwrap(), [rows[0].id, rows[2].id, rows[3].id, rows[1].id]);
}
