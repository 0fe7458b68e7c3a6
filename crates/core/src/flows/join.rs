//! Joining: how a retry finds the job of its first call (DESIGN rules 11 and 13).

use super::accept::{Accepted, Asked, Call, message, twin};
use crate::faults::{Fault, planted};
use crate::job::{Job, Mark, State};
use crate::ports::{Ports, StoreError};

/// A hand-out older than this is never given again: tomorrow's run never gets today's answer.
const HOUR_MS: u64 = 3_600_000;

/// Rows read at a time while looking through twins.
const PAGE: u32 = 64;

/// The wait before a queued job's message is sent again, doubled by each resend.
const RESEND_MS: u64 = 20_000;

/// The job that this retry belongs to, if there is one.
pub(super) async fn find(ports: &Ports, asked: &Asked, call: &Call) -> Result<Option<Accepted>, StoreError> {
    // Before the first read, which may be slow: the call's age counts until it came.
    let now_ms = ports.clock.now_ms();
    let Some(first) = ports.jobs.get(&[twin(asked, 0)]).await?.into_iter().next().flatten() else { return Ok(None) };
    let oldest_ms = if call.polls {
        0
    } else {
        now_ms.saturating_sub(u64::from(call.retry_count) * ports.settings.timing.longest_try_ms)
    };
    let mut recent: Vec<Job> = Vec::new();
    let mut low = first.joins.low;
    let mut from = first.joins.low;
    while from <= first.joins.count {
        let to = (from + PAGE).min(first.joins.count + 1);
        let ids: Vec<_> = (from..to).map(|n| twin(asked, n)).collect();
        for job in ports.jobs.get(&ids).await?.into_iter().flatten() {
            match job.joins.handed {
                None if job.created_ms >= oldest_ms => {
                    raise_low(ports, asked, &first, low).await?;
                    return Ok(Some(Accepted { job, joined: true, again: false }));
                }
                None => {}
                Some(handed) if handed.at_ms + HOUR_MS < now_ms => {
                    low = if job.joins.n == low { low + 1 } else { low };
                }
                Some(_) => recent.push(job),
            }
        }
        from = to;
    }
    raise_low(ports, asked, &first, low).await?;
    Ok(only(recent, call).map(|job| Accepted { job, joined: true, again: true }))
}

/// The only answer handed out within the hour, if it went to a lower count of this call: it was lost on its way.
fn only(mut recent: Vec<Job>, call: &Call) -> Option<Job> {
    if call.retry_count == 0 || recent.len() != 1 {
        return None;
    }
    recent.pop().filter(|job| job.joins.handed.is_some_and(|handed| handed.retry_count < call.retry_count))
}

async fn raise_low(ports: &Ports, asked: &Asked, first: &Job, low: u32) -> Result<(), StoreError> {
    if low > first.joins.low {
        ports.jobs.mark(twin(asked, 0), Mark::Low(low)).await?;
    }
    Ok(())
}

/// Sends the message of a queued job again if its first one may never have been sent, or it is due.
pub(super) async fn resend(ports: &Ports, asked: &Asked, job: &Job) -> Result<(), StoreError> {
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
