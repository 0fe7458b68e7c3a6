//! The promises of [`Jobs::mark`]: small conditional changes beside the state.

use futures_util::future::{join, join_all};
use offpeak_core::ids::RequestId;
use offpeak_core::job::{Event, Handed, Job, Joins, Mark};
use offpeak_core::ports::{Jobs, Written};

use super::jobs::{advance, put, row};
use crate::samples::{CREATED_MS, Namespace};

async fn mark(jobs: &dyn Jobs, job: &Job, mark: Mark) -> Written {
    jobs.mark(job.id, mark).await.unwrap()
}

fn handed(names: &Namespace, retry_count: u32) -> Handed {
    Handed { request: names.request_id(), retry_count, at_ms: CREATED_MS + u64::from(retry_count) }
}

/// The number of twins is raised to at least the mark's, and never lowered.
pub async fn counts_only_rise(jobs: &dyn Jobs) {
    let job = Namespace::fresh().job();
    put(jobs, &job).await;
    for (count, then) in [(3, 3), (1, 3), (3, 3), (u32::MAX, u32::MAX), (0, u32::MAX)] {
        assert_eq!(mark(jobs, &job, Mark::Count(count)).await, Written::Yes, "it always applies");
        assert_eq!(row(jobs, job.id).await.joins.count, then);
    }
}

/// The lower bound is raised to at least the mark's, and never lowered.
pub async fn lower_bounds_only_rise(jobs: &dyn Jobs) {
    let job = Namespace::fresh().job();
    put(jobs, &job).await;
    for (low, then) in [(2, 2), (1, 2), (7, 7), (7, 7)] {
        assert_eq!(mark(jobs, &job, Mark::Low(low)).await, Written::Yes, "it always applies");
        assert_eq!(row(jobs, job.id).await.joins.low, then);
    }
}

/// The resend count rises by one, only from the value named.
pub async fn a_resend_is_counted_once(jobs: &dyn Jobs) {
    let job = Namespace::fresh().job();
    put(jobs, &job).await;
    assert_eq!(mark(jobs, &job, Mark::Resent(0)).await, Written::Yes);
    for stale in [0, 2] {
        assert!(matches!(mark(jobs, &job, Mark::Resent(stale)).await, Written::Conflict(Some(_))), "from {stale}");
    }
    assert_eq!(mark(jobs, &job, Mark::Resent(1)).await, Written::Yes);
    assert_eq!(row(jobs, job.id).await.joins.resends, 2);
}

/// A wish is for packed jobs: others are cancelled by a transition, or are final.
pub async fn a_cancel_is_wished_only_while_packed(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    put(jobs, &job).await;
    let refused = Written::Conflict(Some(Box::new(job.clone())));
    assert_eq!(mark(jobs, &job, Mark::CancelWish).await, refused, "a queued job");
    let packed = advance(jobs, &job, Event::Claim(names.submission_id())).await;
    for _ in 0..2 {
        assert_eq!(mark(jobs, &job, Mark::CancelWish).await, Written::Yes, "a packed job, however often");
    }
    let wished = Job { cancel_wished: true, ..packed };
    assert_eq!(row(jobs, job.id).await, wished);
    let done = advance(jobs, &wished, Event::Answer(names.answer())).await;
    let refused = Written::Conflict(Some(Box::new(done)));
    assert_eq!(mark(jobs, &job, Mark::CancelWish).await, refused, "a final job");
}

/// An answer that one request has is not handed to another.
pub async fn an_answer_is_handed_to_the_first(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    put(jobs, &job).await;
    let (first, second) = (handed(&names, 1), handed(&names, 0));
    assert_eq!(mark(jobs, &job, Mark::HandOut(first)).await, Written::Yes);
    let stands = row(jobs, job.id).await;
    assert_eq!(stands.joins.handed, Some(first));
    let refused = mark(jobs, &job, Mark::HandOut(second)).await;
    assert_eq!(refused, Written::Conflict(Some(Box::new(stands.clone()))), "the loser sees who has it");
    assert_eq!(row(jobs, job.id).await, stands, "unchanged");
}

/// A request whose reply was lost may ask again.
pub async fn the_same_request_may_take_its_answer_again(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    put(jobs, &job).await;
    let taken = handed(&names, 2);
    for _ in 0..2 {
        assert_eq!(mark(jobs, &job, Mark::HandOut(taken)).await, Written::Yes);
    }
    let again = Handed { at_ms: taken.at_ms + 500, ..taken };
    assert_eq!(mark(jobs, &job, Mark::HandOut(again)).await, Written::Yes);
    assert_eq!(row(jobs, job.id).await.joins.handed, Some(again));
}

/// The request that waits for an answer takes it over from who fetched it by id, and not the other way round.
pub async fn an_answer_fetched_by_id_may_still_be_taken(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    put(jobs, &job).await;
    let fetched = Handed { request: RequestId::BY_ID, ..handed(&names, 0) };
    for _ in 0..2 {
        assert_eq!(mark(jobs, &job, Mark::HandOut(fetched)).await, Written::Yes, "fetched, however often");
    }
    let taken = handed(&names, 1);
    assert_eq!(mark(jobs, &job, Mark::HandOut(taken)).await, Written::Yes, "taken over");
    for late in [fetched, handed(&names, 2)] {
        assert!(matches!(mark(jobs, &job, Mark::HandOut(late)).await, Written::Conflict(Some(_))), "{late:?}");
    }
    assert_eq!(row(jobs, job.id).await.joins.handed, Some(taken));
}

/// A deletion always applies, whoever has the answer, and nobody takes it afterwards.
pub async fn a_deleted_answer_is_nobodys(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let (fresh, taken) = (names.job(), names.rich_job());
    for job in [fresh, taken] {
        put(jobs, &job).await;
        for at_ms in [CREATED_MS, CREATED_MS + 9] {
            assert_eq!(mark(jobs, &job, Mark::Delete { at_ms }).await, Written::Yes, "however often");
            let joins = Joins { handed: Some(Handed::to_nobody(at_ms)), ..job.joins };
            let deleted = row(jobs, job.id).await;
            assert!(deleted.is_deleted());
            assert_eq!(deleted, Job { joins, ..job.clone() }, "nothing else is changed");
        }
        let by_id = Handed { request: RequestId::BY_ID, ..handed(&names, 0) };
        for late in [by_id, handed(&names, 3)] {
            assert!(matches!(mark(jobs, &job, Mark::HandOut(late)).await, Written::Conflict(Some(_))), "{late:?}");
        }
    }
}

/// A mark never makes a row.
pub async fn a_mark_of_a_missing_row_is_a_conflict_without_a_row(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let missing = names.job();
    let taken = Mark::HandOut(handed(&names, 0));
    let deleted = Mark::Delete { at_ms: CREATED_MS };
    for one in [Mark::Count(1), Mark::Low(1), Mark::Resent(0), Mark::CancelWish, taken, deleted] {
        assert_eq!(mark(jobs, &missing, one).await, Written::Conflict(None), "{one:?}");
    }
    assert_eq!(jobs.get(&[missing.id]).await.unwrap(), [None], "still missing");
}

/// A refused mark shows the row.
pub async fn a_mark_returns_the_row_that_refused_it(jobs: &dyn Jobs) {
    let job = Namespace::fresh().rich_job();
    put(jobs, &job).await;
    assert_eq!(mark(jobs, &job, Mark::Resent(77)).await, Written::Conflict(Some(Box::new(job))));
}

/// Final rows are handed out and counted like others.
pub async fn final_rows_accept_marks(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    put(jobs, &job).await;
    let ended = advance(jobs, &job, Event::Cancel).await;
    let taken = handed(&names, 0);
    for one in [Mark::Count(4), Mark::Low(3), Mark::Resent(0), Mark::HandOut(taken)] {
        assert_eq!(mark(jobs, &job, one).await, Written::Yes, "{one:?}");
    }
    let joins = Joins { n: 0, count: 4, low: 3, resends: 1, handed: Some(taken) };
    assert_eq!(row(jobs, job.id).await, Job { joins, ..ended });
}

/// A mark changes its own field only.
pub async fn a_mark_leaves_the_rest_alone(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.rich_job();
    put(jobs, &job).await;
    let mut expected = advance(jobs, &job, Event::Claim(names.submission_id())).await;
    for one in [Mark::Count(50), Mark::Low(40), Mark::Resent(2), Mark::CancelWish] {
        assert_eq!(mark(jobs, &job, one).await, Written::Yes, "{one:?}");
        assert!(one.apply(&mut expected));
        assert_eq!(row(jobs, job.id).await, expected, "after {one:?}");
    }
}

/// A transition changes no mark.
pub async fn a_write_leaves_the_marks_alone(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.rich_job();
    put(jobs, &job).await;
    let packed = advance(jobs, &job, Event::Claim(names.submission_id())).await;
    let queued = advance(jobs, &packed, Event::Requeue).await;
    let ended = advance(jobs, &queued, Event::Expire).await;
    let stands = row(jobs, job.id).await;
    assert_eq!(stands, ended);
    assert_eq!((stands.joins, stands.cancel_wished), (job.joins, job.cancel_wished));
}

/// Of concurrent requests exactly one takes the answer.
pub async fn one_of_64_takers_gets_the_answer(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    put(jobs, &job).await;
    let takers: Vec<Handed> = (0..64).map(|n| handed(&names, n)).collect();
    let replies = join_all(takers.iter().map(|taker| mark(jobs, &job, Mark::HandOut(*taker)))).await;
    let won: Vec<Handed> =
        takers.into_iter().zip(replies).filter(|(_, reply)| *reply == Written::Yes).map(|(taker, _)| taker).collect();
    assert_eq!(won.len(), 1, "exactly one takes it");
    assert_eq!(row(jobs, job.id).await.joins.handed, won.first().copied());
}

/// Of concurrent resends from one count exactly one counts.
pub async fn one_of_64_resends_counts(jobs: &dyn Jobs) {
    let job = Namespace::fresh().job();
    put(jobs, &job).await;
    let replies = join_all((0..64).map(|_| mark(jobs, &job, Mark::Resent(0)))).await;
    assert_eq!(replies.iter().filter(|reply| **reply == Written::Yes).count(), 1, "exactly one counts");
    assert_eq!(row(jobs, job.id).await.joins.resends, 1);
}

/// Concurrent counts end at the highest.
pub async fn no_count_is_lost_among_64(jobs: &dyn Jobs) {
    let job = Namespace::fresh().job();
    put(jobs, &job).await;
    let shuffled = (0..64_u32).map(|n| n * 37 % 64 + 1);
    let replies = join_all(shuffled.map(|count| mark(jobs, &job, Mark::Count(count)))).await;
    assert!(replies.iter().all(|reply| *reply == Written::Yes), "each applies");
    assert_eq!(row(jobs, job.id).await.joins.count, 64);
}

/// A mark and a transition of one row at the same time undo each other's work in neither direction.
pub async fn marks_and_writes_at_once_all_hold(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    put(jobs, &job).await;
    let marks = async {
        for n in 1..=40 {
            assert_eq!(mark(jobs, &job, Mark::Count(n)).await, Written::Yes);
            assert_eq!(mark(jobs, &job, Mark::Resent(n - 1)).await, Written::Yes, "resend {n}");
        }
    };
    let writes = async {
        let mut stands = job.clone();
        for _ in 0..40 {
            stands = advance(jobs, &stands, Event::Claim(names.submission_id())).await;
            stands = advance(jobs, &stands, Event::Requeue).await;
        }
    };
    join(marks, writes).await;
    let joins = Joins { count: 40, resends: 40, ..job.joins };
    assert_eq!(row(jobs, job.id).await, Job { attempt: 40, joins, ..job });
}
