//! The suites of the rows, each case on tables of its own; and what only tables promise.

mod expiry;

use std::sync::Arc;

use offpeak_aws::{Options, Store};
use offpeak_core::ports;

use super::world::World;

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

mod of_classes {
    offpeak_testkit::classes_conformance!(super::classes);
}

mod of_keys {
    offpeak_testkit::keys_conformance!(super::keys);
}

mod of_usage {
    offpeak_testkit::usage_conformance!(super::usage);
}
