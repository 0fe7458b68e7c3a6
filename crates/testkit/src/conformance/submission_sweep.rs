//! The promises of [`SubmissionSweep`]. It walks whole stores, so each case wants a store of its own.

use offpeak_core::ports::{SubmissionSweep, Submissions};
use offpeak_core::submission::{State, Submission};

use super::submissions::{put, row};
use crate::samples::Namespace;

/// Makes each promise of the sweep of submissions a test. The factory gives
/// `(Arc<dyn Submissions>, Arc<dyn SubmissionSweep>, guard)`, each time over an empty store.
#[macro_export]
macro_rules! submission_sweep_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            submission_sweep(submissions, sweep),
            $factory,
            [
                a_scan_visits_every_row_once_by_ascending_id,
                a_scan_needs_no_row_at_its_cursor,
                an_empty_store_has_nothing_to_scan,
                settled_rows_can_be_deleted,
                rows_that_something_is_owed_to_stay,
                deleting_a_missing_row_is_no_error,
            ]
        );
    };
}

/// Pages of a scan hold every row once, whole, whatever its state.
pub async fn a_scan_visits_every_row_once_by_ascending_id(submissions: &dyn Submissions, sweep: &dyn SubmissionSweep) {
    let names = Namespace::fresh();
    let firsts: Vec<Submission> = (0..9).map(|_| names.submission()).collect();
    let mut rows = Vec::new();
    for (n, first) in firsts.iter().enumerate().rev() {
        let state = if n % 2 == 0 { State::Abandoned } else { State::Sealed };
        rows.insert(0, put(submissions, first, state).await);
    }
    let mut walked: Vec<Submission> = Vec::new();
    loop {
        let page = sweep.scan(walked.last().map(|row| row.id), 4).await.unwrap();
        assert!(page.len() <= 4, "at most 4 rows a page");
        if page.is_empty() {
            break;
        }
        walked.extend(page);
    }
    assert_eq!(walked, rows);
}

/// A cursor is an id to go on from, also where its row is gone or never was.
pub async fn a_scan_needs_no_row_at_its_cursor(submissions: &dyn Submissions, sweep: &dyn SubmissionSweep) {
    let names = Namespace::fresh();
    let (first, nobody, last) = (names.submission(), names.submission_id(), names.submission());
    let gone = put(submissions, &first, State::Abandoned).await;
    submissions.create(&last).await.unwrap();
    sweep.delete(gone.id).await.unwrap();
    for after in [gone.id, nobody] {
        assert_eq!(sweep.scan(Some(after), 10).await.unwrap(), std::slice::from_ref(&last));
    }
}

/// Nothing there is no error.
pub async fn an_empty_store_has_nothing_to_scan(_: &dyn Submissions, sweep: &dyn SubmissionSweep) {
    assert_eq!(sweep.scan(None, 10).await.unwrap(), []);
}

/// An abandoned row and a done one without files left over can be deleted.
pub async fn settled_rows_can_be_deleted(submissions: &dyn Submissions, sweep: &dyn SubmissionSweep) {
    let names = Namespace::fresh();
    for state in [State::Abandoned, State::Done { leftovers: Vec::new() }] {
        let settled = put(submissions, &names.submission(), state).await;
        sweep.delete(settled.id).await.unwrap();
        assert_eq!(submissions.get(settled.id).await.unwrap(), None);
    }
    assert_eq!(sweep.scan(None, 10).await.unwrap(), []);
}

/// No row that is not settled is deleted.
pub async fn rows_that_something_is_owed_to_stay(submissions: &dyn Submissions, sweep: &dyn SubmissionSweep) {
    let names = Namespace::fresh();
    for state in names.owed_states() {
        let owed = put(submissions, &names.submission(), state).await;
        sweep.delete(owed.id).await.unwrap();
        assert_eq!(row(submissions, owed.id).await, owed);
    }
}

/// A delete may be repeated.
pub async fn deleting_a_missing_row_is_no_error(submissions: &dyn Submissions, sweep: &dyn SubmissionSweep) {
    let names = Namespace::fresh();
    let settled = put(submissions, &names.submission(), State::Abandoned).await;
    for id in [settled.id, settled.id, names.submission_id()] {
        sweep.delete(id).await.unwrap();
    }
}
