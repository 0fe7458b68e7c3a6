//! The promises of [`SubmissionWalk`]. It walks whole stores, so each case wants a store of its own.

use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{SubmissionWalk, Submissions};
use offpeak_core::submission::{State, Submission};

use super::submissions::put;
use crate::samples::Namespace;

/// Makes each promise of the walk over submissions a test. The factory gives
/// `(Arc<dyn Submissions>, Arc<dyn SubmissionWalk>, guard)`, each time over an empty store.
#[macro_export]
macro_rules! submission_walk_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            submission_walk(submissions, walk),
            $factory,
            [a_scan_visits_every_row_once, a_scan_keeps_its_order, an_empty_store_has_nothing_to_scan,]
        );
    };
}

/// Pages of a scan hold every row once, whole, whatever its state.
pub async fn a_scan_visits_every_row_once(submissions: &dyn Submissions, walk: &dyn SubmissionWalk) {
    let names = Namespace::fresh();
    let mut rows = Vec::new();
    for n in 0..9 {
        let state = if n % 2 == 0 { State::Abandoned } else { State::Sealed };
        rows.push(put(submissions, &names.submission(), state).await);
    }
    let mut walked: Vec<Submission> = Vec::new();
    loop {
        let page = walk.scan(walked.last().map(|row| row.id), 4).await.unwrap();
        assert!(page.len() <= 4, "at most 4 rows a page");
        if page.is_empty() {
            break;
        }
        walked.extend(page);
    }
    walked.sort_by_key(|row| row.id);
    assert_eq!(walked, rows);
}

/// The order is the same each time, also after rows have changed.
pub async fn a_scan_keeps_its_order(submissions: &dyn Submissions, walk: &dyn SubmissionWalk) {
    let names = Namespace::fresh();
    let rows: Vec<Submission> = (0..6).map(|_| names.submission()).collect();
    for row in &rows {
        submissions.create(row).await.unwrap();
    }
    let order =
        async || -> Vec<SubmissionId> { walk.scan(None, 100).await.unwrap().iter().map(|row| row.id).collect() };
    let before = order().await;
    for row in rows.iter().rev().take(3) {
        assert!(submissions.replace(&Submission { state: State::Sealed, ..row.clone() }).await.unwrap());
    }
    assert_eq!(order().await, before);
}

/// Nothing there is no error.
pub async fn an_empty_store_has_nothing_to_scan(_: &dyn Submissions, walk: &dyn SubmissionWalk) {
    assert_eq!(walk.scan(None, 10).await.unwrap(), []);
}
