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
                a_scan_is_by_ascending_id,
                a_scan_needs_no_row_at_its_cursor,
                a_scan_goes_on_after_a_deleted_row,
                settled_rows_can_be_deleted,
                rows_that_something_is_owed_to_stay,
                deleting_a_missing_row_is_no_error,
            ]
        );
    };
}

/// The oldest comes first, in whatever order they were stored.
pub async fn a_scan_is_by_ascending_id(submissions: &dyn Submissions, sweep: &dyn SubmissionSweep) {
    let names = Namespace::fresh();
    let rows: Vec<Submission> = (0..6).map(|_| names.submission()).collect();
    for row in rows.iter().rev() {
        submissions.create(row).await.unwrap();
    }
    assert_eq!(sweep.scan(None, 10).await.unwrap(), rows);
    assert_eq!(sweep.scan(Some(rows[1].id), 2).await.unwrap(), rows[2..4]);
}

/// A cursor is an id to go on from, also where its row never was.
pub async fn a_scan_needs_no_row_at_its_cursor(submissions: &dyn Submissions, sweep: &dyn SubmissionSweep) {
    let names = Namespace::fresh();
    let (first, nobody, last) = (names.submission(), names.submission_id(), names.submission());
    submissions.create(&first).await.unwrap();
    submissions.create(&last).await.unwrap();
    assert_eq!(sweep.scan(Some(nobody), 10).await.unwrap(), [last]);
}

/// A cursor is an id to go on from, also where its row is gone.
pub async fn a_scan_goes_on_after_a_deleted_row(submissions: &dyn Submissions, sweep: &dyn SubmissionSweep) {
    let names = Namespace::fresh();
    let (first, last) = (names.submission(), names.submission());
    let gone = put(submissions, &first, State::Abandoned).await;
    submissions.create(&last).await.unwrap();
    sweep.delete(gone.id).await.unwrap();
    assert_eq!(sweep.scan(Some(gone.id), 10).await.unwrap(), [last]);
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
