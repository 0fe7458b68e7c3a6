//! Sweep: expire what waited too long, and delete what was kept long enough.

use super::accept::MAX_DEADLINE_MS;
use super::notices;
use super::pack::revise;
use super::{Holder, Manifests, batches, hold, holder, take};
use crate::class::Departures;
use crate::faults::{Fault, planted};
use crate::ids::ObjectName;
use crate::job::{Event, Job, Transition};
use crate::ports::{Finished, JobSweep, Ports, StoreError, SubmissionSweep, Written};
use crate::submission::{Event as SubmissionEvent, State as SubmissionState};

/// Rows looked at in one call.
const ROWS: usize = 1_000;

/// Expires open jobs past their deadline: queued ones, and packed ones that no sealed submission lists (DESIGN rule
/// 10). Returns how many.
///
/// # Errors
/// [`StoreError`]: repeat at the next sweep.
pub async fn expire(ports: &Ports, sweep: &dyn JobSweep) -> Result<usize, StoreError> {
    let now_ms = ports.clock.now_ms();
    let mut expired = 0;
    let mut after = None;
    let mut manifests = Manifests::default();
    loop {
        let rows = sweep.overdue(now_ms, after, ROWS).await?;
        let Some(last) = rows.last() else { return Ok(expired) };
        after = Some((last.deadline_ms, last.id));
        for job in rows {
            let id = job.id;
            match expire_one(ports, &mut manifests, job, now_ms).await {
                Ok(ended) => expired += usize::from(ended),
                Err(error) => tracing::error!(%error, job = %id, "an overdue job could not be looked at"),
            }
        }
    }
}

async fn expire_one(ports: &Ports, manifests: &mut Manifests, job: Job, now_ms: u64) -> Result<bool, StoreError> {
    if let Some(submission) = job.submission() {
        let held = !matches!(holder(ports, manifests, submission, job.id, job.attempt).await?, Holder::Nobody);
        if held && !planted(Fault::SweepPacked) {
            return Ok(false);
        }
    }
    let event = if job.cancel_wished { Event::Cancel } else { Event::Expire };
    let Ok(end) = Transition::new(job.id, job.as_is(), event, now_ms) else { return Ok(false) };
    if notices::end(ports, &job, &end, Fault::SweepUntold).await? != Some(Written::Yes) {
        return Ok(false);
    }
    ports.wake.finished(vec![Finished { job: job.id, state: end.state, body: None }]);
    Ok(true)
}

/// Abandons every submission that was still being filled, and lets every transfer, split and merge begin again,
/// whatever their leases say.
///
/// For who starts as the only user of its stores, and so knows that nobody of before is alive: all goes on at once
/// instead of when the leases run out.
///
/// # Errors
/// [`StoreError`]: what is left runs out of lease.
pub async fn take_over(ports: &Ports) -> Result<(), StoreError> {
    for id in ports.submissions.open().await? {
        let Some(row) = ports.submissions.get(id).await? else { continue };
        if matches!(row.state, SubmissionState::Open { .. }) {
            take(ports, &row, SubmissionEvent::Abandon).await?;
        } else if row.busy_until_ms > 0 {
            hold(ports, &row, None, 0).await?;
        }
    }
    take_over_batches(ports).await?;
    let now_ms = ports.clock.now_ms();
    for class in ports.settings.classes.keys() {
        // What dead drains held is visible again: one departure brings it, not a drain at every tick.
        revise(ports, class, |row| {
            if row.notes.is_empty() { row } else { Departures { notes: Vec::new(), ..row }.recalled(now_ms) }
        })
        .await?;
    }
    Ok(())
}

async fn take_over_batches(ports: &Ports) -> Result<(), StoreError> {
    for id in ports.batches.open().await? {
        let Some(batch) = ports.batches.get(id).await? else { continue };
        if batch.busy_until_ms > 0 {
            batches::hold(ports, &batch, None, 0).await?;
        }
    }
    Ok(())
}

/// What a retention sweep deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retired {
    /// Rows of jobs.
    pub jobs: usize,
    /// Rows of submissions, each with its sealed object and manifest.
    pub submissions: usize,
    /// Results objects and large bodies.
    pub objects: usize,
}

/// Deletes what was final before `retention_ms` ago: rows first, then what they named. Open rows never go.
///
/// # Errors
/// [`StoreError`]: repeat at the next sweep.
pub async fn retire(
    ports: &Ports,
    jobs: &dyn JobSweep,
    submissions: &dyn SubmissionSweep,
    retention_ms: u64,
) -> Result<Retired, StoreError> {
    let now_ms = ports.clock.now_ms();
    let before_ms = now_ms.saturating_sub(retention_ms);
    let mut retired = Retired::default();
    loop {
        let gone = jobs.retire(before_ms, ROWS).await?;
        retired.jobs += gone;
        if gone < ROWS {
            break;
        }
    }
    // A row may end as late as its deadline and a tick after its objects were written, and is kept from then on.
    let objects_before_ms = before_ms.saturating_sub(MAX_DEADLINE_MS + 86_400_000);
    retired.submissions = retire_submissions(submissions, objects_before_ms).await?;
    for prefix in ["results/", "bodies/", "sealed/", "manifests/", "fleet/"] {
        retired.objects += retire_objects(ports, prefix, objects_before_ms).await?;
    }
    Ok(retired)
}

async fn retire_submissions(sweep: &dyn SubmissionSweep, before_ms: u64) -> Result<usize, StoreError> {
    let mut retired = 0;
    let mut after = None;
    loop {
        let rows = sweep.scan(after, ROWS).await?;
        let Some(last) = rows.last() else { return Ok(retired) };
        after = Some(last.id);
        for row in rows {
            if row.created_ms >= before_ms {
                return Ok(retired);
            }
            if row.state.is_settled() {
                sweep.delete(row.id).await?;
                retired += 1;
            }
        }
    }
}

pub(super) async fn retire_objects(ports: &Ports, prefix: &str, before_ms: u64) -> Result<usize, StoreError> {
    let mut retired = 0;
    let mut after: Option<ObjectName> = None;
    loop {
        let page = ports.objects.list(prefix, after.as_ref(), ROWS).await?;
        let Some((last, _)) = page.last() else { return Ok(retired) };
        after = Some(last.clone());
        for (name, written_ms) in page {
            if written_ms < before_ms {
                ports.objects.delete(&name).await?;
                retired += 1;
            }
        }
    }
}
