//! The promises of [`JobIndex`]. An index may lag behind its rows, so each case first waits until its rows are listed.

use offpeak_core::ids::{JobId, TenantId};
use offpeak_core::job::{Event, Job, StateKind};
use offpeak_core::ports::{JobIndex, Jobs, Page, StoreError};

use super::eventually;
use super::jobs::advance;
use crate::samples::{CREATED_MS, Namespace};

/// How long an index may lag, in milliseconds.
const LAG_MS: u64 = 2_000;

/// Makes each promise of the listing of jobs a test. The factory gives `(Arc<dyn Jobs>, Arc<dyn JobIndex>, guard)`.
#[macro_export]
macro_rules! job_index_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            job_index(jobs, index),
            $factory,
            [
                rows_are_listed_newest_first,
                rows_are_listed_whole,
                pages_hold_every_row_once,
                rows_of_one_millisecond_are_listed_once,
                a_full_last_page_is_the_last,
                a_kind_lists_its_rows_only,
                a_cursor_that_left_its_kind_still_counts,
                a_tenant_lists_its_own_rows_only,
                a_foreign_cursor_is_not_found,
                a_tenant_without_rows_has_an_empty_page,
            ]
        );
    };
}

/// Rows of one tenant, oldest first, a minute apart.
fn minutes(names: &Namespace, count: u64) -> Vec<Job> {
    (0..count).map(|n| Job { created_ms: CREATED_MS + n * 60_000, ..names.job() }).collect()
}

/// Creates the rows and waits until the index has them.
async fn put(jobs: &dyn Jobs, index: &dyn JobIndex, rows: &[Job]) {
    jobs.create(rows.to_vec()).await.unwrap();
    let Some(tenant) = rows.first().map(|row| row.tenant.clone()) else { return };
    let listed = async || index.list(&tenant, None, None, 1_000).await.unwrap().jobs.len() >= rows.len();
    eventually("the rows are listed", LAG_MS, listed).await;
}

async fn list(index: &dyn JobIndex, tenant: &TenantId, after: Option<JobId>, limit: usize) -> Page {
    index.list(tenant, None, after, limit).await.unwrap()
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

fn newest_first(rows: &[Job]) -> Vec<JobId> {
    rows.iter().rev().map(|job| job.id).collect()
}

/// The order is by creation, whatever the order of the ids or of the creates.
pub async fn rows_are_listed_newest_first(jobs: &dyn Jobs, index: &dyn JobIndex) {
    let names = Namespace::fresh();
    let mut rows = minutes(&names, 6);
    rows.swap(1, 4);
    put(jobs, index, &rows).await;
    rows.sort_by_key(|job| job.created_ms);
    let page = list(index, &names.tenant(), None, 100).await;
    assert_eq!(ids(&page.jobs), newest_first(&rows));
    assert!(!page.has_more, "that was all");
}

/// A listed row is the row.
pub async fn rows_are_listed_whole(jobs: &dyn Jobs, index: &dyn JobIndex) {
    let names = Namespace::fresh();
    let queued = names.rich_job();
    put(jobs, index, std::slice::from_ref(&queued)).await;
    let packed = advance(jobs, &queued, Event::Claim(names.submission_id())).await;
    let done = advance(jobs, &packed, Event::Answer(names.answer())).await;
    let whole = async || list(index, &names.tenant(), None, 10).await.jobs == [done.clone()];
    eventually("the row is listed as it stands", LAG_MS, whole).await;
}

/// Walking with a cursor visits every row once, and says when it ends.
pub async fn pages_hold_every_row_once(jobs: &dyn Jobs, index: &dyn JobIndex) {
    let names = Namespace::fresh();
    let rows = minutes(&names, 11);
    put(jobs, index, &rows).await;
    assert_eq!(walk(index, &names.tenant(), 4).await, newest_first(&rows));
}

/// Ties in time neither hide nor repeat a row.
pub async fn rows_of_one_millisecond_are_listed_once(jobs: &dyn Jobs, index: &dyn JobIndex) {
    let names = Namespace::fresh();
    let rows: Vec<Job> = (0..9).map(|_| names.job()).collect();
    put(jobs, index, &rows).await;
    let mut walked = walk(index, &names.tenant(), 2).await;
    walked.sort_unstable();
    assert_eq!(walked, ids(&rows));
}

async fn walk(index: &dyn JobIndex, tenant: &TenantId, limit: usize) -> Vec<JobId> {
    let mut walked: Vec<JobId> = Vec::new();
    loop {
        let page = list(index, tenant, walked.last().copied(), limit).await;
        assert!(page.jobs.len() <= limit, "at most {limit} rows a page");
        walked.extend(ids(&page.jobs));
        if !page.has_more {
            return walked;
        }
        assert_eq!(page.jobs.len(), limit, "a page with more to follow is full");
    }
}

/// `has_more` is false where the limit falls on the last row, and the page after the last row is empty.
pub async fn a_full_last_page_is_the_last(jobs: &dyn Jobs, index: &dyn JobIndex) {
    let names = Namespace::fresh();
    let rows = minutes(&names, 4);
    put(jobs, index, &rows).await;
    let half = list(index, &names.tenant(), None, 2).await;
    assert!(half.has_more, "two more follow");
    let rest = list(index, &names.tenant(), Some(rows[2].id), 2).await;
    assert_eq!(ids(&rest.jobs), [rows[1].id, rows[0].id]);
    assert!(!rest.has_more, "nothing follows");
    let beyond = list(index, &names.tenant(), Some(rows[0].id), 2).await;
    assert_eq!(beyond, Page { jobs: Vec::new(), has_more: false });
}

/// A kind lists the rows in that state, and pages among them.
pub async fn a_kind_lists_its_rows_only(jobs: &dyn Jobs, index: &dyn JobIndex) {
    let names = Namespace::fresh();
    let rows = minutes(&names, 8);
    put(jobs, index, &rows).await;
    let mut cancelled = Vec::new();
    for job in rows.iter().step_by(2) {
        advance(jobs, job, Event::Cancel).await;
        cancelled.insert(0, job.id);
    }
    let tenant = names.tenant();
    let of = async |kind, after, limit| index.list(&tenant, Some(kind), after, limit).await.unwrap();
    let listed = async || ids(&of(StateKind::Cancelled, None, 100).await.jobs) == cancelled;
    eventually("the cancelled rows are listed", LAG_MS, listed).await;
    let page = of(StateKind::Cancelled, Some(cancelled[0]), 2).await;
    assert_eq!(ids(&page.jobs), cancelled[1..3]);
    assert!(page.has_more, "one more follows");
    assert_eq!(of(StateKind::Queued, None, 100).await.jobs.len(), 4);
    assert_eq!(of(StateKind::Done, None, 100).await, Page { jobs: Vec::new(), has_more: false });
}

/// A row that has changed its state since it was listed still marks the place.
pub async fn a_cursor_that_left_its_kind_still_counts(jobs: &dyn Jobs, index: &dyn JobIndex) {
    let names = Namespace::fresh();
    let rows = minutes(&names, 5);
    put(jobs, index, &rows).await;
    advance(jobs, &rows[2], Event::Expire).await;
    let tenant = names.tenant();
    let after = async || {
        let page = index.list(&tenant, Some(StateKind::Queued), Some(rows[2].id), 10).await.unwrap();
        ids(&page.jobs) == [rows[1].id, rows[0].id]
    };
    eventually("the queued rows after it are listed", LAG_MS, after).await;
}

/// No tenant sees another's rows, with or without a kind.
pub async fn a_tenant_lists_its_own_rows_only(jobs: &dyn Jobs, index: &dyn JobIndex) {
    let (ours, theirs) = (Namespace::fresh(), Namespace::fresh());
    let mine = minutes(&ours, 3);
    put(jobs, index, &minutes(&theirs, 3)).await;
    put(jobs, index, &mine).await;
    for kind in [None, Some(StateKind::Queued)] {
        let page = index.list(&ours.tenant(), kind, None, 100).await.unwrap();
        assert_eq!(ids(&page.jobs), newest_first(&mine));
    }
    let prefix = TenantId(ours.tenant().as_str().split_at(10).0.to_owned());
    assert!(list(index, &prefix, None, 100).await.jobs.is_empty(), "a tenant's name is compared whole");
}

/// A cursor that is another tenant's job, or nobody's, is not found.
pub async fn a_foreign_cursor_is_not_found(jobs: &dyn Jobs, index: &dyn JobIndex) {
    let (ours, theirs) = (Namespace::fresh(), Namespace::fresh());
    let foreign = minutes(&theirs, 2);
    put(jobs, index, &minutes(&ours, 2)).await;
    put(jobs, index, &foreign).await;
    for after in [foreign[1].id, ours.job_id()] {
        for kind in [None, Some(StateKind::Queued)] {
            let reply = index.list(&ours.tenant(), kind, Some(after), 10).await;
            assert!(matches!(reply, Err(StoreError::NotFound)), "{after}: {reply:?}");
        }
    }
}

/// A tenant that has no rows is no error.
pub async fn a_tenant_without_rows_has_an_empty_page(_: &dyn Jobs, index: &dyn JobIndex) {
    let page = list(index, &Namespace::fresh().tenant(), None, 10).await;
    assert_eq!(page, Page { jobs: Vec::new(), has_more: false });
}
