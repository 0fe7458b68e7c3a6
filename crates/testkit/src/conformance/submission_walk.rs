//! The promises of [`SubmissionWalk`]. It walks whole stores, so each case wants a store of its own.

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
            [
                a_scan_visits_every_row_once_by_ascending_id,
                a_scan_needs_no_row_at_its_cursor,
                an_empty_store_has_nothing_to_scan,
            ]
        );
    };
}

/// Pages of a scan hold every row once, whole, whatever its state.
pub async fn a_scan_visits_every_row_once_by_ascending_id(submissions: &dyn Submissions, walk: &dyn SubmissionWalk) {
    let names = Namespace::fresh();
    let firsts: Vec<Submission> = (0..9).map(|_| names.submission()).collect();
    let mut rows = Vec::new();
    for (n, first) in firsts.iter().enumerate().rev() {
        let state = if n % 2 == 0 { State::Abandoned } else { State::Sealed };
        rows.insert(0, put(submissions, first, state).await);
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
    assert_eq!(walked, rows);
}

/// A cursor is an id to go on from, also where its row never was.
pub async fn a_scan_needs_no_row_at_its_cursor(submissions: &dyn Submissions, walk: &dyn SubmissionWalk) {
    let names = Namespace::fresh();
    let (first, nobody, last) = (names.submission(), names.submission_id(), names.submission());
    submissions.create(&first).await.unwrap();
    submissions.create(&last).await.unwrap();
    assert_eq!(walk.scan(Some(nobody), 10).await.unwrap(), [last]);
}

/// Nothing there is no error.
pub async fn an_empty_store_has_nothing_to_scan(_: &dyn Submissions, walk: &dyn SubmissionWalk) {
    assert_eq!(walk.scan(None, 10).await.unwrap(), []);
}
