//! The promises of [`Submissions`].

use futures_util::future::join_all;
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::Submissions;
use offpeak_core::submission::{State, Submission};

use crate::samples::{CREATED_MS, Namespace};

/// Makes each promise of the rows of submissions a test. The factory gives `(Arc<dyn Submissions>, guard)`.
#[macro_export]
macro_rules! submissions_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            submissions(port),
            $factory,
            [
                a_row_reads_as_it_was_created,
                a_missing_row_is_none,
                every_state_reads_as_it_was_written,
                who_is_busy_reads_as_it_was_written,
                a_repeated_create_changes_nothing,
                the_first_version_is_one_and_each_write_raises_it,
                a_write_of_another_version_is_refused,
                a_write_of_a_missing_row_is_refused,
                a_repeated_write_is_refused,
                one_of_64_writes_wins,
                everything_owed_is_open,
                settled_rows_are_not_open,
                open_is_oldest_first,
            ]
        );
    };
}

/// The row, which must be there.
pub(super) async fn row(submissions: &dyn Submissions, id: SubmissionId) -> Submission {
    submissions.get(id).await.unwrap().unwrap()
}

/// Creates a row and takes it to `state`; returns it as it must now read.
pub(super) async fn put(submissions: &dyn Submissions, first: &Submission, state: State) -> Submission {
    submissions.create(first).await.unwrap();
    let next = Submission { state, ..first.clone() };
    assert!(submissions.replace(&next).await.unwrap(), "the version is the stored one");
    Submission { version: first.version + 1, ..next }
}

/// A created row reads back in every field, empty or not.
pub async fn a_row_reads_as_it_was_created(submissions: &dyn Submissions) {
    let names = Namespace::fresh();
    let bare = names.submission();
    let full = Submission { sealed: Some(names.sealed()), ..names.submission() };
    for submission in [bare, full] {
        submissions.create(&submission).await.unwrap();
        assert_eq!(row(submissions, submission.id).await, submission);
    }
}

/// A submission that was never created is no error.
pub async fn a_missing_row_is_none(submissions: &dyn Submissions) {
    assert_eq!(submissions.get(Namespace::fresh().submission_id()).await.unwrap(), None);
}

/// Every state reads back with its particulars, and what was sealed stays.
pub async fn every_state_reads_as_it_was_written(submissions: &dyn Submissions) {
    let names = Namespace::fresh();
    let settled = [State::Abandoned, State::Done { leftovers: Vec::new() }];
    for state in names.owed_states().into_iter().chain(settled) {
        let first = Submission { sealed: Some(names.sealed()), ..names.submission() };
        let written = put(submissions, &first, state).await;
        assert_eq!(row(submissions, first.id).await, written);
    }
}

/// Until when somebody is busy with it reads back, and that nobody is.
pub async fn who_is_busy_reads_as_it_was_written(submissions: &dyn Submissions) {
    let mut stands = put(submissions, &Namespace::fresh().submission(), State::Uploading).await;
    for busy_until_ms in [CREATED_MS, 0] {
        stands.busy_until_ms = busy_until_ms;
        assert!(submissions.replace(&stands).await.unwrap());
        stands.version += 1;
        assert_eq!(row(submissions, stands.id).await, stands);
    }
}

/// A create repeated after a lost reply does no harm, even if the row has moved on.
pub async fn a_repeated_create_changes_nothing(submissions: &dyn Submissions) {
    let names = Namespace::fresh();
    let first = names.submission();
    submissions.create(&first).await.unwrap();
    submissions.create(&Submission { created_ms: 5, ..first.clone() }).await.unwrap();
    assert_eq!(row(submissions, first.id).await, first);
    let sealed = put(submissions, &first, State::Sealed).await;
    submissions.create(&first).await.unwrap();
    assert_eq!(row(submissions, first.id).await, sealed);
}

/// Versions count the writes.
pub async fn the_first_version_is_one_and_each_write_raises_it(submissions: &dyn Submissions) {
    let names = Namespace::fresh();
    let mut submission = names.submission();
    submissions.create(&submission).await.unwrap();
    for version in 1..=4 {
        submission = row(submissions, submission.id).await;
        assert_eq!(submission.version, version);
        let State::Open { owner, lease_until_ms } = submission.state else { unreachable!("it stays open") };
        submission.state = State::Open { owner, lease_until_ms: lease_until_ms + 1 };
        assert!(submissions.replace(&submission).await.unwrap());
    }
    assert_eq!(row(submissions, submission.id).await, Submission { version: 5, ..submission });
}

/// Neither an earlier version nor a later one is written.
pub async fn a_write_of_another_version_is_refused(submissions: &dyn Submissions) {
    let names = Namespace::fresh();
    let first = names.submission();
    let stands = put(submissions, &first, State::Sealed).await;
    for version in [0, 1, 3, u64::MAX >> 1] {
        let other = Submission { version, state: State::Uploading, ..stands.clone() };
        assert!(!submissions.replace(&other).await.unwrap(), "version {version}");
    }
    assert_eq!(row(submissions, first.id).await, stands, "unchanged");
}

/// A write never makes a row.
pub async fn a_write_of_a_missing_row_is_refused(submissions: &dyn Submissions) {
    let missing = Namespace::fresh().submission();
    for version in [0, 1] {
        assert!(!submissions.replace(&Submission { version, ..missing.clone() }).await.unwrap());
    }
    assert_eq!(submissions.get(missing.id).await.unwrap(), None, "still missing");
}

/// A write repeated after a lost reply finds its own version taken.
pub async fn a_repeated_write_is_refused(submissions: &dyn Submissions) {
    let names = Namespace::fresh();
    let first = names.submission();
    let stands = put(submissions, &first, State::Abandoned).await;
    assert!(!submissions.replace(&Submission { version: 1, ..stands.clone() }).await.unwrap());
    assert_eq!(row(submissions, first.id).await, stands, "written once");
}

/// Of concurrent writes of one version exactly one holds.
pub async fn one_of_64_writes_wins(submissions: &dyn Submissions) {
    let names = Namespace::fresh();
    let first = names.submission();
    submissions.create(&first).await.unwrap();
    let rivals: Vec<Submission> = (0..64)
        .map(|n| Submission {
            state: State::Open { owner: names.request_id(), lease_until_ms: CREATED_MS + n },
            ..first.clone()
        })
        .collect();
    let replies = join_all(rivals.iter().map(|rival| submissions.replace(rival))).await;
    let mut winners = Vec::new();
    for (rival, reply) in rivals.into_iter().zip(replies) {
        if reply.unwrap() {
            winners.push(Submission { version: 2, ..rival });
        }
    }
    assert_eq!(winners, [row(submissions, first.id).await], "exactly one holds, and it stands");
}

/// Each state that is not settled is open, also a done one with files left over.
pub async fn everything_owed_is_open(submissions: &dyn Submissions) {
    let names = Namespace::fresh();
    for state in names.owed_states() {
        let submission = put(submissions, &names.submission(), state).await;
        let open = submissions.open().await.unwrap();
        assert!(open.contains(&submission.id), "{:?} is open", submission.state);
    }
}

/// Abandoned ones and done ones without files left over are not open, as soon as they are so.
pub async fn settled_rows_are_not_open(submissions: &dyn Submissions) {
    let names = Namespace::fresh();
    let abandoned = put(submissions, &names.submission(), State::Abandoned).await;
    let leftovers = State::Done { leftovers: vec!["file-1".into()] };
    let done = put(submissions, &names.submission(), leftovers).await;
    let cleaned = Submission { state: State::Done { leftovers: Vec::new() }, ..done };
    assert!(submissions.replace(&cleaned).await.unwrap());
    let open = submissions.open().await.unwrap();
    for settled in [abandoned, cleaned] {
        assert!(!open.contains(&settled.id), "{:?} is not open", settled.state);
    }
}

/// The oldest comes first, in whatever order they were stored or changed.
pub async fn open_is_oldest_first(submissions: &dyn Submissions) {
    let names = Namespace::fresh();
    let mut rows: Vec<Submission> =
        (0..6).map(|n| Submission { created_ms: CREATED_MS + n, ..names.submission() }).collect();
    for submission in rows.iter().rev() {
        submissions.create(submission).await.unwrap();
    }
    rows[2] = Submission { state: State::Sealed, ..rows[2].clone() };
    assert!(submissions.replace(&rows[2]).await.unwrap());
    let ours: Vec<SubmissionId> = rows.iter().map(|row| row.id).collect();
    let mut open = submissions.open().await.unwrap();
    open.retain(|id| ours.contains(id));
    assert_eq!(open, ours);
}
