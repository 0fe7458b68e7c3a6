//! Hand out: a finished job's answer goes to one call, or to every call that names the job by key.

use bytes::Bytes;

use super::accept::Call;
use super::notices::end;
use super::unclear;
use crate::faults::{Fault, planted};
use crate::ids::JobId;
use crate::job::{Answer, Event, Handed, Job, Mark, State, Transition};
use crate::ports::{Ports, StoreError, Written};

/// Whether a call may give a finished job's answer to its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandedOut {
    /// It may.
    Yes,
    /// Another call has it: this caller's answer is another twin's.
    Taken,
}

/// Marks the answer as this call's. A keyed job's answer needs no mark.
///
/// # Errors
/// [`StoreError`]: it may be marked; the same call may ask again.
pub async fn hand_out(ports: &Ports, job: JobId, keyed: bool, call: &Call) -> Result<HandedOut, StoreError> {
    if keyed || planted(Fault::HandOutUnmarked) {
        return Ok(HandedOut::Yes);
    }
    let at_ms = ports.clock.now_ms();
    let mark = Mark::HandOut(Handed { request: call.request, retry_count: call.retry_count, at_ms });
    let written = match ports.jobs.mark(job, mark).await {
        Ok(written) => written,
        // Unclear: the same request may mark again, and finds its own mark if the first one took effect.
        Err(_) => ports.jobs.mark(job, mark).await?,
    };
    Ok(match written {
        Written::Yes => HandedOut::Yes,
        Written::Conflict(_) => HandedOut::Taken,
        Written::Unclear => return Err(unclear()),
    })
}

/// The job as a reader meets it: an overdue queued one is expired on the way.
///
/// # Errors
/// [`StoreError`].
pub async fn look(ports: &Ports, id: JobId) -> Result<Option<Job>, StoreError> {
    match ports.jobs.get(&[id]).await?.into_iter().next().flatten() {
        Some(job) => met(ports, job).await,
        None => Ok(None),
    }
}

/// The same of a row that was just read; `None` if it went meanwhile.
pub(super) async fn met(ports: &Ports, mut job: Job) -> Result<Option<Job>, StoreError> {
    let now_ms = ports.clock.now_ms();
    if job.state == State::Queued
        && now_ms > job.deadline_ms
        && let Ok(expire) = Transition::new(job.id, job.as_is(), Event::Expire, now_ms)
    {
        match end(ports, &job, &expire, Fault::ReaderUntold).await? {
            Some(Written::Yes) => expire.apply(&mut job),
            Some(Written::Conflict(Some(now))) => job = *now,
            Some(Written::Conflict(None)) | None => return Ok(None),
            Some(Written::Unclear) => return Err(unclear()),
        }
    }
    Ok(Some(job))
}

/// The bytes of an answer.
///
/// # Errors
/// [`StoreError`].
pub async fn body(ports: &Ports, answer: &Answer) -> Result<Bytes, StoreError> {
    ports.objects.read(&answer.object, answer.offset, answer.length).await
}
