//! Cancel: at once while a job is queued, a wish while it is packed (DESIGN rule 4).

use super::notices::end;
use super::unclear;
use crate::faults::{Fault, planted};
use crate::ids::JobId;
use crate::job::{Event, Job, Mark, StateKind, Transition};
use crate::ports::{Finished, Ports, StoreError, Written};

/// Withdraws a job; returns its row as it stands afterwards, or `None` if there is no such job.
///
/// # Errors
/// [`StoreError`]: it may have been withdrawn.
pub async fn cancel(ports: &Ports, id: JobId) -> Result<Option<Job>, StoreError> {
    loop {
        let Some(mut job) = ports.jobs.get(&[id]).await?.into_iter().next().flatten() else { return Ok(None) };
        let wish = job.state.kind() == StateKind::Packed && !planted(Fault::CancelPacked);
        if job.state.is_final() || (wish && job.cancel_wished) {
            return Ok(Some(job));
        }
        if wish {
            if ports.jobs.mark(id, Mark::CancelWish).await? == Written::Yes {
                job.cancel_wished = true;
                return Ok(Some(job));
            }
            continue;
        }
        let Ok(cancel) = Transition::new(id, job.as_is(), Event::Cancel, ports.clock.now_ms()) else { continue };
        match end(ports, &job, &cancel, Fault::CancelUntold).await? {
            Some(Written::Yes) => {
                cancel.apply(&mut job);
                ports.wake.finished(vec![Finished { job: id, state: job.state.clone(), body: None }]);
                return Ok(Some(job));
            }
            Some(Written::Conflict(_)) => {}
            Some(Written::Unclear) | None => return Err(unclear()),
        }
    }
}
