//! The promises of [`JobWalk`]. It walks whole stores, so each case wants a store of its own.

use offpeak_core::ids::JobId;
use offpeak_core::job::{Event, Job, StateKind};
use offpeak_core::ports::{JobWalk, Jobs};

use super::job_sweep::ended;
use super::jobs::{advance, put};
use crate::samples::{CREATED_MS, Namespace};

/// Makes each promise of the walk over jobs a test. The factory gives `(Arc<dyn Jobs>, Arc<dyn JobWalk>, guard)`, each
/// time over an empty store.
#[macro_export]
macro_rules! job_walk_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            job_walk(jobs, walk),
            $factory,
            [
                every_row_is_counted_by_its_kind,
                a_scan_visits_every_row_once,
                a_scan_keeps_its_order,
                an_empty_store_has_nothing_to_walk,
            ]
        );
    };
}

/// Every row counts once, in the state that it is in.
pub async fn every_row_is_counted_by_its_kind(jobs: &dyn Jobs, walk: &dyn JobWalk) {
    let names = Namespace::fresh();
    for _ in 0..3 {
        put(jobs, &names.job()).await;
    }
    for _ in 0..2 {
        let job = names.job();
        put(jobs, &job).await;
        advance(jobs, &job, Event::Claim(names.submission_id())).await;
    }
    let ends = [Event::Answer(names.answer()), Event::Fail(names.failure()), Event::Cancel, Event::Cancel];
    for end in ends {
        ended(jobs, &names, end, CREATED_MS).await;
    }
    let counts = walk.counts().await.unwrap();
    let of = |kind| counts.iter().filter(|(one, _)| *one == kind).map(|(_, count)| count).sum::<u64>();
    assert_eq!(StateKind::ALL.map(of), [3, 2, 1, 1, 2, 0], "{counts:?}");
}

/// Pages of a scan hold every row once, whole, whatever its state.
pub async fn a_scan_visits_every_row_once(jobs: &dyn Jobs, walk: &dyn JobWalk) {
    let names = Namespace::fresh();
    let mut rows = Vec::new();
    for n in 0..10 {
        let job = Job { created_ms: CREATED_MS + 100 - n, ..names.rich_job() };
        put(jobs, &job).await;
        rows.push(if n % 3 == 0 { advance(jobs, &job, Event::Cancel).await } else { job });
    }
    let mut walked: Vec<Job> = Vec::new();
    loop {
        let page = walk.scan(walked.last().map(|job| job.id), 4).await.unwrap();
        assert!(page.len() <= 4, "at most 4 rows a page");
        if page.is_empty() {
            break;
        }
        walked.extend(page);
    }
    walked.sort_by_key(|job| job.id);
    assert_eq!(walked, rows);
}

/// The order is the same each time, also after rows have changed.
pub async fn a_scan_keeps_its_order(jobs: &dyn Jobs, walk: &dyn JobWalk) {
    let names = Namespace::fresh();
    let rows: Vec<Job> = (0..6).map(|_| names.job()).collect();
    jobs.create(rows.clone()).await.unwrap();
    let order = async || -> Vec<JobId> { walk.scan(None, 100).await.unwrap().iter().map(|job| job.id).collect() };
    let before = order().await;
    for job in rows.iter().rev().take(3) {
        advance(jobs, job, Event::Expire).await;
    }
    assert_eq!(order().await, before);
}

/// Nothing there is no error.
pub async fn an_empty_store_has_nothing_to_walk(_: &dyn Jobs, walk: &dyn JobWalk) {
    assert_eq!(walk.scan(None, 10).await.unwrap(), []);
    assert!(walk.counts().await.unwrap().iter().all(|(_, count)| *count == 0));
}
