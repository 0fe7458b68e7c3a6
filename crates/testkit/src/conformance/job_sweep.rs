//! The promises of [`JobSweep`]. It walks whole stores, so each case wants a store of its own.

use std::collections::BTreeSet;

use offpeak_core::ids::JobId;
use offpeak_core::job::{Event, Job};
use offpeak_core::ports::{Created, JobSweep, Jobs};

use super::jobs::{advance, apply, put, row};
use crate::samples::{CREATED_MS, Namespace, to};

/// Makes each promise of the sweep of jobs a test. The factory gives `(Arc<dyn Jobs>, Arc<dyn JobSweep>, guard)`, each
/// time over an empty store.
#[macro_export]
macro_rules! job_sweep_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            job_sweep(jobs, sweep),
            $factory,
            [
                open_rows_past_their_deadline_are_overdue,
                final_rows_are_never_overdue,
                overdue_keeps_its_limit,
                overdue_goes_on_after_a_row,
                old_final_rows_retire,
                open_rows_never_retire,
                retire_keeps_its_limit,
                a_retired_id_may_be_taken_again,
                an_empty_store_has_nothing_to_sweep,
            ]
        );
    };
}

fn ids(jobs: &[Job]) -> BTreeSet<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

/// Creates a row, and takes it to an end dated `at_ms`.
pub(super) async fn ended(jobs: &dyn Jobs, names: &Namespace, end: Event, at_ms: u64) -> Job {
    let job = names.job();
    put(jobs, &job).await;
    let packed = advance(jobs, &job, Event::Claim(names.submission_id())).await;
    let mut last = to(&packed, end);
    last.at_ms = at_ms;
    apply(jobs, last).await;
    row(jobs, job.id).await
}

/// Queued and packed rows whose deadline is behind are overdue, others are not.
pub async fn open_rows_past_their_deadline_are_overdue(jobs: &dyn Jobs, sweep: &dyn JobSweep) {
    let names = Namespace::fresh();
    let now_ms = CREATED_MS + 10_000;
    let by = |deadline_ms| Job { deadline_ms, ..names.rich_job() };
    let (late, held, early) = (by(now_ms - 1), by(now_ms - 9_000), by(now_ms + 1));
    for job in [&late, &held, &early] {
        put(jobs, job).await;
    }
    let held = advance(jobs, &held, Event::Claim(names.submission_id())).await;
    let mut overdue = sweep.overdue(now_ms, None, 100).await.unwrap();
    overdue.sort_by_key(|job| job.deadline_ms);
    assert_eq!(overdue, [held, late], "whole rows, queued and packed");
}

/// A deadline means nothing to a row that has ended.
pub async fn final_rows_are_never_overdue(jobs: &dyn Jobs, sweep: &dyn JobSweep) {
    let names = Namespace::fresh();
    for end in [Event::Answer(names.answer()), Event::Fail(names.failure()), Event::Cancel, Event::Expire] {
        ended(jobs, &names, end, CREATED_MS).await;
    }
    assert_eq!(sweep.overdue(u64::MAX >> 1, None, 100).await.unwrap(), []);
}

/// No more rows than asked for, and no fewer where there are enough.
pub async fn overdue_keeps_its_limit(jobs: &dyn Jobs, sweep: &dyn JobSweep) {
    let names = Namespace::fresh();
    let rows: Vec<Job> = (0..7).map(|n| Job { deadline_ms: CREATED_MS + n, ..names.job() }).collect();
    jobs.create(rows.clone()).await.unwrap();
    let some = sweep.overdue(CREATED_MS + 100, None, 3).await.unwrap();
    assert_eq!(ids(&some).len(), 3);
    let all = sweep.overdue(CREATED_MS + 100, None, 7).await.unwrap();
    assert_eq!(ids(&all), ids(&rows));
}

/// Page after page brings every row once, also those of one moment.
pub async fn overdue_goes_on_after_a_row(jobs: &dyn Jobs, sweep: &dyn JobSweep) {
    let names = Namespace::fresh();
    let rows: Vec<Job> = (0..7).map(|n| Job { deadline_ms: CREATED_MS + n / 4, ..names.job() }).collect();
    jobs.create(rows.clone()).await.unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = sweep.overdue(CREATED_MS + 100, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.deadline_ms, last.id));
        found.extend(page);
    }
    assert_eq!(found.len(), rows.len());
    assert_eq!(ids(&found), ids(&rows));
}

/// Rows that ended before the time given go; those that ended then or later stay.
pub async fn old_final_rows_retire(jobs: &dyn Jobs, sweep: &dyn JobSweep) {
    let names = Namespace::fresh();
    let mut old = Vec::new();
    for end in [Event::Answer(names.answer()), Event::Fail(names.failure()), Event::Cancel, Event::Expire] {
        old.push(ended(jobs, &names, end, CREATED_MS + 4_999).await.id);
    }
    let young = ended(jobs, &names, Event::Cancel, CREATED_MS + 5_000).await;
    assert_eq!(sweep.retire(CREATED_MS + 5_000, 100).await.unwrap(), 4);
    assert_eq!(jobs.get(&old).await.unwrap(), [None, None, None, None]);
    assert_eq!(row(jobs, young.id).await, young);
    assert_eq!(sweep.retire(CREATED_MS + 5_000, 100).await.unwrap(), 0, "nothing is left to retire");
}

/// Nobody's open row is deleted, however old.
pub async fn open_rows_never_retire(jobs: &dyn Jobs, sweep: &dyn JobSweep) {
    let names = Namespace::fresh();
    let (queued, packed) = (names.job(), Job { created_ms: 0, deadline_ms: 1, ..names.job() });
    put(jobs, &queued).await;
    put(jobs, &packed).await;
    let packed = advance(jobs, &packed, Event::Claim(names.submission_id())).await;
    assert_eq!(sweep.retire(u64::MAX >> 1, 100).await.unwrap(), 0);
    assert_eq!(jobs.get(&[queued.id, packed.id]).await.unwrap(), [Some(queued), Some(packed)]);
}

/// A call deletes no more than asked, says how many, and repeats reach the end.
pub async fn retire_keeps_its_limit(jobs: &dyn Jobs, sweep: &dyn JobSweep) {
    let names = Namespace::fresh();
    let mut old = Vec::new();
    for _ in 0..5 {
        old.push(ended(jobs, &names, Event::Expire, CREATED_MS).await.id);
    }
    for (gone, left) in [(2, 3), (2, 1), (1, 0), (0, 0)] {
        assert_eq!(sweep.retire(CREATED_MS + 1, 2).await.unwrap(), gone);
        assert_eq!(jobs.get(&old).await.unwrap().into_iter().flatten().count(), left);
    }
}

/// Retiring leaves nothing that would refuse a new row.
pub async fn a_retired_id_may_be_taken_again(jobs: &dyn Jobs, sweep: &dyn JobSweep) {
    let names = Namespace::fresh();
    let old = ended(jobs, &names, Event::Answer(names.answer()), CREATED_MS).await;
    assert_eq!(sweep.retire(CREATED_MS + 1, 10).await.unwrap(), 1);
    let again = Job { id: old.id, ..names.job() };
    assert_eq!(jobs.create(vec![again.clone()]).await.unwrap(), [Created::New]);
    assert_eq!(row(jobs, old.id).await, again);
}

/// Nothing there is no error.
pub async fn an_empty_store_has_nothing_to_sweep(_: &dyn Jobs, sweep: &dyn JobSweep) {
    assert_eq!(sweep.overdue(u64::MAX >> 1, None, 10).await.unwrap(), []);
    assert_eq!(sweep.retire(u64::MAX >> 1, 10).await.unwrap(), 0);
}
