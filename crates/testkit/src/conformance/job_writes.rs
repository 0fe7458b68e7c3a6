//! The promises of [`Jobs::apply`]: conditional writes of a job's state.

use futures_util::future::join_all;
use offpeak_core::ids::SubmissionId;
use offpeak_core::job::{Event, Job, State, When};
use offpeak_core::lane::Lane;
use offpeak_core::ports::{Jobs, Written};

use super::jobs::{advance, apply, put, row};
use crate::samples::{CREATED_MS, Namespace, after, to};

fn conflict(job: &Job) -> Written {
    Written::Conflict(Some(Box::new(job.clone())))
}

/// A write that names no submission, or another, is refused.
pub async fn a_write_compares_the_submission(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let (queued, other, third) = (names.job(), names.submission_id(), names.submission_id());
    put(jobs, &queued).await;
    let held_by = |submission: SubmissionId| Job { state: State::Packed { submission }, ..queued.clone() };
    let as_packed = to(&held_by(other), Event::Answer(names.answer()));
    assert_eq!(apply(jobs, as_packed.clone()).await, conflict(&queued), "the row is queued, not packed");
    let packed = advance(jobs, &queued, Event::Claim(third)).await;
    assert_eq!(apply(jobs, as_packed).await, conflict(&packed), "another submission holds it");
    assert_eq!(apply(jobs, to(&queued, Event::Cancel)).await, conflict(&packed), "the row is no longer queued");
    assert_eq!(row(jobs, queued.id).await, packed, "unchanged");
}

/// A write for an earlier or later attempt is refused, queued or packed.
pub async fn a_write_compares_the_attempt(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let mut job = Job { attempt: 1, ..names.job() };
    put(jobs, &job).await;
    for _ in 0..2 {
        for attempt in [0, 2, u32::MAX] {
            let stale = to(&Job { attempt, ..job.clone() }, Event::Expire);
            assert_eq!(apply(jobs, stale).await, conflict(&job), "attempt {attempt}");
        }
        if job.submission().is_none() {
            job = advance(jobs, &job, Event::Claim(names.submission_id())).await;
        }
    }
    assert_eq!(row(jobs, job.id).await, job, "unchanged");
}

/// No condition holds on a row that is final, whatever it once was.
pub async fn final_rows_refuse_every_write(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let ends = [Event::Answer(names.answer()), Event::Fail(names.failure()), Event::Cancel, Event::Expire];
    for end in ends {
        let queued = names.job();
        put(jobs, &queued).await;
        let packed = advance(jobs, &queued, Event::Claim(names.submission_id())).await;
        let ended = advance(jobs, &packed, end).await;
        for late in [
            to(&queued, Event::Claim(names.submission_id())),
            to(&queued, Event::Expire),
            to(&packed, Event::Answer(names.answer())),
            to(&packed, Event::Requeue),
        ] {
            assert_eq!(apply(jobs, late.clone()).await, conflict(&ended), "{late:?}");
        }
        assert_eq!(row(jobs, queued.id).await, ended, "unchanged");
    }
}

/// The loser of a write learns who won.
pub async fn a_conflict_returns_the_row_as_it_stands(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let queued = names.rich_job();
    put(jobs, &queued).await;
    let packed = advance(jobs, &queued, Event::Claim(names.submission_id())).await;
    let late = apply(jobs, to(&queued, Event::Claim(names.submission_id()))).await;
    assert_eq!(late, conflict(&packed));
}

/// A job that runs again may do so in another lane, which its row has from then on; otherwise it keeps its own.
pub async fn a_job_is_taken_to_another_lane_and_stays_there(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let rich =
        Lane { provider: names.name("second"), model: "another".to_owned(), terms: names.terms(), ..names.lane() };
    let plain = Lane { provider: names.name("third"), ..names.lane() };
    let mut job = names.job();
    put(jobs, &job).await;
    for (lane, body) in [(Some(rich), Some(names.body_at("sealed"))), (None, None), (Some(plain), None)] {
        let packed = advance(jobs, &job, Event::Claim(names.submission_id())).await;
        assert_eq!(packed.lane, job.lane, "a claim keeps it");
        let again = to(&packed, Event::Requeue).with_body(body).with_lane(lane.clone());
        let mut want = packed.clone();
        again.apply(&mut want);
        assert_eq!(want.lane, lane.unwrap_or(packed.lane));
        assert_eq!(apply(jobs, again).await, Written::Yes);
        job = row(jobs, job.id).await;
        assert_eq!(job, want);
    }
}

/// A write never makes a row.
pub async fn a_missing_row_is_a_conflict_without_a_row(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let missing = names.job();
    let claim = to(&missing, Event::Claim(names.submission_id()));
    assert_eq!(apply(jobs, claim).await, Written::Conflict(None));
    assert_eq!(jobs.get(&[missing.id]).await.unwrap(), [None], "still missing");
}

/// A claim repeated after a lost reply is refused, and shows that it holds already.
pub async fn a_repeated_claim_conflicts_with_itself(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    put(jobs, &job).await;
    let claim = Event::Claim(names.submission_id());
    let packed = advance(jobs, &job, claim.clone()).await;
    assert_eq!(apply(jobs, to(&job, claim)).await, conflict(&packed));
}

/// Within a call a write sees the writes of the same job before it.
pub async fn two_writes_of_one_job_apply_in_their_order(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let (ordered, swapped) = (names.job(), names.job());
    put(jobs, &ordered).await;
    put(jobs, &swapped).await;
    let steps = |job: &Job| {
        let claim = Event::Claim(names.submission_id());
        let packed = after(job, claim.clone());
        [to(job, claim), to(&packed, Event::Answer(names.answer()))]
    };
    let ([claim, answer], [late_claim, early_answer]) = (steps(&ordered), steps(&swapped));
    let written = jobs.apply(vec![claim, answer, early_answer, late_claim]).await.unwrap();
    assert_eq!(written[..2], [Written::Yes, Written::Yes], "claimed, then answered");
    assert_eq!(written[2], conflict(&swapped), "not yet claimed");
    assert_eq!(written[3], Written::Yes, "and then claimed");
    assert!(row(jobs, ordered.id).await.state.is_final(), "answered");
}

/// A refused write stops no other of its call, and answers are in the order of the writes.
pub async fn each_write_of_a_call_stands_for_itself(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let (a, b, missing) = (names.job(), names.job(), names.job());
    put(jobs, &a).await;
    put(jobs, &b).await;
    let stale = to(&Job { attempt: 4, ..a.clone() }, Event::Cancel);
    let writes = vec![stale, to(&missing, Event::Cancel), to(&b, Event::Cancel), to(&a, Event::Expire)];
    let written = jobs.apply(writes).await.unwrap();
    assert_eq!(written, [conflict(&a), Written::Conflict(None), Written::Yes, Written::Yes]);
    assert_eq!(row(jobs, a.id).await, after(&a, Event::Expire));
    assert_eq!(row(jobs, b.id).await, after(&b, Event::Cancel));
}

/// `finished_ms` is the moment of the final write, and 0 before.
pub async fn a_final_write_dates_the_row(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    put(jobs, &job).await;
    let packed = advance(jobs, &job, Event::Claim(names.submission_id())).await;
    assert_eq!(row(jobs, job.id).await.finished_ms, 0, "a packed row is not finished");
    advance(jobs, &packed, Event::Answer(names.answer())).await;
    assert_eq!(row(jobs, job.id).await.finished_ms, CREATED_MS + 1_000);
}

/// A write's body replaces the row's, and a write without one keeps it.
pub async fn a_body_is_kept_unless_another_is_given(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    put(jobs, &job).await;
    let packed = advance(jobs, &job, Event::Claim(names.submission_id())).await;
    let body = Some(names.body_at("sealed-1"));
    let requeue = to(&packed, Event::Requeue).with_body(body.clone());
    assert_eq!(apply(jobs, requeue).await, Written::Yes);
    let queued = Job { body: body.clone(), ..after(&packed, Event::Requeue) };
    assert_eq!(row(jobs, job.id).await, queued, "requeued for the next attempt, with its body");
    let packed = advance(jobs, &queued, Event::Claim(names.submission_id())).await;
    assert_eq!(row(jobs, job.id).await.body, body, "kept");
    let other = Some(names.body_at("sealed-2"));
    let requeue = to(&packed, Event::Requeue).with_body(other.clone());
    assert_eq!(apply(jobs, requeue).await, Written::Yes);
    assert_eq!(row(jobs, job.id).await.body, other, "replaced");
}

/// Of concurrent claims of one job exactly one holds, and the others learn which.
pub async fn one_of_64_claims_wins(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    put(jobs, &job).await;
    race(jobs, &names, &job).await;
}

/// The same for a job that another submission held.
pub async fn one_of_64_reclaims_wins(jobs: &dyn Jobs) {
    let names = Namespace::fresh();
    let job = names.job();
    put(jobs, &job).await;
    let packed = advance(jobs, &job, Event::Claim(names.submission_id())).await;
    race(jobs, &names, &packed).await;
}

async fn race(jobs: &dyn Jobs, names: &Namespace, job: &Job) {
    let when: When = job.as_is();
    let claims: Vec<Event> = (0..64).map(|_| Event::Claim(names.submission_id())).collect();
    let replies = join_all(claims.iter().map(|claim| apply(jobs, to(job, claim.clone())))).await;
    let stands = row(jobs, job.id).await;
    assert!(!when.holds(&stands), "someone won");
    let mut winners = Vec::new();
    for (claim, reply) in claims.into_iter().zip(replies) {
        match reply {
            Written::Yes => winners.push(after(job, claim)),
            Written::Conflict(seen) => assert_eq!(seen.as_deref(), Some(&stands), "the loser sees the winner"),
            Written::Unclear => panic!("nothing was lost"),
        }
    }
    assert_eq!(winners, [stands], "exactly one claim holds");
}
