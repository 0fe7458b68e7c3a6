//! The promises of [`Jobs`] about creating and reading; the others are in [`super::job_writes`] and
//! [`super::job_marks`].

use futures_util::future::join_all;
use offpeak_core::ids::JobId;
use offpeak_core::job::{Event, Job, Transition};
use offpeak_core::ports::{Created, Jobs, Written};

use crate::samples::{Namespace, after, to};

/// Makes each promise of the rows of jobs a test. The factory gives `(Arc<dyn Jobs>, guard)`.
#[macro_export]
macro_rules! jobs_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            jobs(port),
            $factory,
            [
                a_row_reads_as_it_was_created,
                every_state_reads_as_it_was_written,
                an_id_is_taken_once,
                each_row_of_a_create_stands_for_itself,
                an_id_twice_in_one_create_is_new_once,
                one_of_64_creates_is_new,
                rows_come_in_the_order_asked,
                an_empty_call_answers_nothing,
                hundreds_of_rows_fit_in_one_call,
            ]
        );
        $crate::conformance_cases!(
            job_writes(port),
            $factory,
            [
                a_write_compares_the_submission,
                a_write_compares_the_attempt,
                final_rows_refuse_every_write,
                a_conflict_returns_the_row_as_it_stands,
                a_missing_row_is_a_conflict_without_a_row,
                a_job_is_taken_to_another_lane_and_stays_there,
                a_repeated_claim_conflicts_with_itself,
                two_writes_of_one_job_apply_in_their_order,
                each_write_of_a_call_stands_for_itself,
                a_final_write_dates_the_row,
                a_body_is_kept_unless_another_is_given,
                one_of_64_claims_wins,
                one_of_64_reclaims_wins,
            ]
        );
        $crate::conformance_cases!(
            job_marks(port),
            $factory,
            [
                counts_only_rise,
                lower_bounds_only_rise,
                a_resend_is_counted_once,
                a_cancel_is_wished_only_while_packed,
                an_answer_is_handed_to_the_first,
                the_same_request_may_take_its_answer_again,
                an_answer_fetched_by_id_may_still_be_taken,
                a_deleted_answer_is_nobodys,
                a_mark_of_a_missing_row_is_a_conflict_without_a_row,
                a_mark_returns_the_row_that_refused_it,
                final_rows_accept_marks,
                a_mark_leaves_the_rest_alone,
                a_write_leaves_the_marks_alone,
                one_of_64_takers_gets_the_answer,
                one_of_64_resends_counts,
                no_count_is_lost_among_64,
                marks_and_writes_at_once_all_hold,
            ]
        );
    };
}

/// Creates one row that must be new.
pub(super) async fn put(jobs: &dyn Jobs, job: &Job) {
    let created = jobs.create(vec![job.clone()]).await.unwrap();
    assert_eq!(created, [Created::New], "a fresh id is new");
}

/// The row, which must be there.
pub(super) async fn row(jobs: &dyn Jobs, id: JobId) -> Job {
    let mut rows = jobs.get(&[id]).await.unwrap();
    assert_eq!(rows.len(), 1, "one answer for one id");
    rows.remove(0).unwrap()
}

/// Applies one transition.
pub(super) async fn apply(jobs: &dyn Jobs, transition: Transition) -> Written {
    let mut written = jobs.apply(vec![transition]).await.unwrap();
    assert_eq!(written.len(), 1, "one answer for one transition");
    written.remove(0)
}

/// Takes the event to the row, which must allow it; returns the row as it must now read.
pub(super) async fn advance(jobs: &dyn Jobs, job: &Job, event: Event) -> Job {
    assert_eq!(apply(jobs, to(job, event.clone())).await, Written::Yes, "{event:?} of {job:?}");
    after(job, event)
}

/// A created row reads back in every field, empty or not.
pub async fn a_row_reads_as_it_was_created(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    for job in [names.job(), names.rich_job()] {
        put(jobs, &job).await;
        assert_eq!(row(jobs, job.id).await, job);
    }
}

/// Every state reads back with its particulars.
pub async fn every_state_reads_as_it_was_written(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let ends = [
        Event::Claim(names.submission_id()),
        Event::Answer(names.answer()),
        Event::Fail(names.failure()),
        Event::Requeue,
        Event::Cancel,
        Event::Expire,
    ];
    for end in ends {
        let job = names.rich_job();
        put(jobs, &job).await;
        let packed = advance(jobs, &job, Event::Claim(names.submission_id())).await;
        assert_eq!(row(jobs, job.id).await, packed);
        let ended = advance(jobs, &packed, end).await;
        assert_eq!(row(jobs, job.id).await, ended);
    }
}

/// A second create of an id returns the row that stands, and changes nothing.
pub async fn an_id_is_taken_once(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let first = names.job();
    put(jobs, &first).await;
    let claimed = advance(jobs, &first, Event::Claim(names.submission_id())).await;
    let second = Job { deadline_ms: 7, id: first.id, ..names.rich_job() };
    let created = jobs.create(vec![second]).await.unwrap();
    assert_eq!(created, [Created::Exists(Box::new(claimed.clone()))], "the row as it stands");
    assert_eq!(row(jobs, first.id).await, claimed, "unchanged");
}

/// A taken id among new ones stops none of them.
pub async fn each_row_of_a_create_stands_for_itself(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let taken = names.job();
    put(jobs, &taken).await;
    let (before, behind) = (names.job(), names.rich_job());
    let created = jobs.create(vec![before.clone(), taken.clone(), behind.clone()]).await.unwrap();
    assert_eq!(created, [Created::New, Created::Exists(Box::new(taken)), Created::New]);
    assert_eq!(row(jobs, before.id).await, before);
    assert_eq!(row(jobs, behind.id).await, behind);
}

/// Two rows of one id in one call: the first is new, the second finds it.
pub async fn an_id_twice_in_one_create_is_new_once(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let first = names.job();
    let second = Job { attempt: 9, ..first.clone() };
    let created = jobs.create(vec![first.clone(), second]).await.unwrap();
    assert_eq!(created, [Created::New, Created::Exists(Box::new(first.clone()))]);
    assert_eq!(row(jobs, first.id).await, first);
}

/// Of concurrent creates of one id exactly one is new, and all others see its row.
pub async fn one_of_64_creates_is_new(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    let rivals: Vec<Job> = (0..64).map(|n| Job { deadline_ms: n, ..job.clone() }).collect();
    let replies = join_all(rivals.iter().map(|rival| jobs.create(vec![rival.clone()]))).await;
    let stands = row(jobs, job.id).await;
    let mut new = Vec::new();
    for (rival, reply) in rivals.iter().zip(replies) {
        match reply.unwrap().remove(0) {
            Created::New => new.push(rival.clone()),
            Created::Exists(seen) => assert_eq!(*seen, stands, "the loser sees the winner"),
        }
    }
    assert_eq!(new, [stands], "exactly one is new, and its row stands");
}

/// Rows are answered in the order of the ids, missing and repeated ones included.
pub async fn rows_come_in_the_order_asked(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let (a, b) = (names.job(), names.job());
    put(jobs, &a).await;
    put(jobs, &b).await;
    let rows = jobs.get(&[b.id, names.job_id(), a.id, b.id]).await.unwrap();
    assert_eq!(rows, [Some(b.clone()), None, Some(a), Some(b)]);
}

/// A call without items is answered without items.
pub async fn an_empty_call_answers_nothing(jobs: &dyn Jobs) {
    assert_eq!(jobs.create(Vec::new()).await.unwrap(), []);
    assert_eq!(jobs.get(&[]).await.unwrap(), []);
    assert_eq!(jobs.apply(Vec::new()).await.unwrap(), []);
}

/// A call is not bounded by what a store takes at once.
pub async fn hundreds_of_rows_fit_in_one_call(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let rows: Vec<Job> = (0..700).map(|_| names.job()).collect();
    let ids: Vec<JobId> = rows.iter().map(|job| job.id).collect();
    let created = jobs.create(rows.clone()).await.unwrap();
    assert!(created.len() == 700 && created.iter().all(|one| *one == Created::New), "every row is new");
    let claim = Event::Claim(names.submission_id());
    let written = jobs.apply(rows.iter().map(|job| to(job, claim.clone())).collect()).await.unwrap();
    assert!(written.len() == 700 && written.iter().all(|one| *one == Written::Yes), "every row is claimed");
    let claimed: Vec<Option<Job>> = rows.iter().map(|job| Some(after(job, claim.clone()))).collect();
    assert_eq!(jobs.get(&ids).await.unwrap(), claimed);
}
