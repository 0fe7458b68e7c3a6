//! Joining: how a retry finds the job of its first call (DESIGN rules 11 and 13).

use super::accept::{Accepted, Asked, Call, message, twin};
use super::hand_out::met;
use crate::faults::{Fault, planted};
use crate::job::{Job, Joins, Mark, State};
use crate::ports::{Ports, StoreError};

/// A hand-out older than this is never given again: tomorrow's run never gets today's answer.
const HOUR_MS: u64 = 3_600_000;

/// Rows read at a time at most while looking through twins.
const PAGE: u32 = 64;

/// The wait before a queued job's message is sent again, doubled by each resend.
const RESEND_MS: u64 = 20_000;

/// The job that this retry belongs to, if there is one. Only what decides is read, since each row has its price: twin 0
/// once, and of its followers one or two, then twice as many each time.
pub(super) async fn find(ports: &Ports, asked: &Asked, call: &Call) -> Result<Option<Accepted>, StoreError> {
    // Before the first read, which may be slow: the call's age counts until it came.
    let now_ms = ports.clock.now_ms();
    let Some(first) = ports.jobs.get(&[twin(asked, 0)]).await?.into_iter().next().flatten() else { return Ok(None) };
    let oldest_ms = if call.polls {
        0
    } else {
        now_ms.saturating_sub(u64::from(call.retry_count) * ports.settings.timing.longest_try_ms)
    };
    let Joins { low: before, count, .. } = first.joins;
    let mut first = Some(first);
    let mut recent: Vec<Job> = Vec::new();
    let (mut low, mut from, mut page) = (before, before, 1);
    while from <= count {
        let to = (from + page).min(count + 1);
        let rows = match first.take() {
            Some(first) if from == 0 => vec![Some(first)],
            Some(_) | None => ports.jobs.get(&(from..to).map(|n| twin(asked, n)).collect::<Vec<_>>()).await?,
        };
        for job in rows.into_iter().flatten() {
            match job.joins.handed {
                None if job.created_ms >= oldest_ms => {
                    raise_low(ports, asked, before, low).await?;
                    return join(ports, asked, job, false).await;
                }
                None => {}
                Some(handed) if handed.at_ms + HOUR_MS < now_ms => {
                    low = if job.joins.n == low { low + 1 } else { low };
                }
                Some(_) => recent.push(job),
            }
        }
        (from, page) = (to, PAGE.min(page * 2));
    }
    raise_low(ports, asked, before, low).await?;
    match only(recent, call) {
        Some(job) => join(ports, asked, job, true).await,
        None => Ok(None),
    }
}

/// Joins a job whose row was just read: an overdue one expires, and one that waits may need its message again. `None`
/// if the row went meanwhile.
pub(super) async fn join(ports: &Ports, asked: &Asked, job: Job, again: bool) -> Result<Option<Accepted>, StoreError> {
    let Some(job) = met(ports, job).await? else { return Ok(None) };
    resend(ports, asked, &job).await?;
    Ok(Some(Accepted { job, joined: true, again }))
}

/// The only answer handed out within the hour, if it went to a lower count of this call: it was lost on its way.
fn only(mut recent: Vec<Job>, call: &Call) -> Option<Job> {
    if call.retry_count == 0 || recent.len() != 1 {
        return None;
    }
    recent.pop().filter(|job| job.joins.handed.is_some_and(|handed| handed.retry_count < call.retry_count))
}

async fn raise_low(ports: &Ports, asked: &Asked, before: u32, low: u32) -> Result<(), StoreError> {
    if low > before {
        ports.jobs.mark(twin(asked, 0), Mark::Low(low)).await?;
    }
    Ok(())
}

/// Sends the message of a queued job again if its first one may never have been sent, or it is due.
async fn resend(ports: &Ports, asked: &Asked, job: &Job) -> Result<(), StoreError> {
    let resends = job.joins.resends;
    let age_ms = ports.clock.now_ms().saturating_sub(job.created_ms);
    let due = resends == 0 || age_ms > RESEND_MS.saturating_mul(1_u64.checked_shl(resends).unwrap_or(u64::MAX));
    if job.state != State::Queued || !due || planted(Fault::NeverResend) {
        return Ok(());
    }
    ports.intake.send(vec![message(asked, job)]).await?;
    ports.jobs.mark(job.id, Mark::Resent(resends)).await?;
    Ok(())
}
