//! Accept: a validated request becomes a job, or joins the one it is a retry of.
//!
//! The row is created before the message, and only after both is the caller told (promise 1).

use bytes::Bytes;

use super::join;
use crate::body::for_model;
use crate::faults::{Fault, planted};
use crate::ids::{JobId, RequestId, TenantId};
use crate::job::{Handed, Job, Joins, Mark, Request, State, identity};
use crate::lane::Lane;
use crate::notice::Webhook;
use crate::ports::{Created, Message, MessageBody, Ports, StoreError};
use crate::submission::Size;

/// A validated and routed request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whose job it is.
    pub tenant: TenantId,
    /// Where it goes.
    pub lane: Lane,
    /// The model as the caller names it.
    pub model: String,
    /// SHA-256 of the body as the caller sent it, in hexadecimal.
    pub body_sha256: String,
    /// The body as it goes upstream.
    pub body: Bytes,
    /// What it adds to a submission.
    pub size: Size,
    /// When it must be done, Unix milliseconds.
    pub deadline_ms: u64,
    /// The caller's Idempotency-Key.
    pub key: Option<String>,
    /// The caller's tag.
    pub tag: Option<String>,
    /// Who is told of its end, beside those who are told of every job's.
    pub webhook: Option<Webhook>,
    /// Who has the answer from the beginning, where the job's id is given in its place.
    pub handed: Option<Handed>,
}

/// One call of a caller.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Names this call.
    pub request: RequestId,
    /// The SDK's retry count: 0 for a first call.
    pub retry_count: u32,
    /// Whether repeating the request is how this caller polls (`not_ready_status` 422).
    pub polls: bool,
}

impl Call {
    /// Whether there was a call before it: by its count, or because callers poll by repeating.
    const fn is_repeated(&self) -> bool {
        self.retry_count > 0 || self.polls
    }
}

/// The job of a call.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Its row.
    pub job: Job,
    /// The row was there before this call: its state is as it was read, and may have moved on.
    pub joined: bool,
    /// The answer was handed out to this call's earlier try, and may be given again.
    pub again: bool,
}

/// Why a request did not become a job.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The Idempotency-Key names a job with another body or endpoint.
    #[error("the Idempotency-Key was used with another request")]
    KeyReused,
    /// The caller left before its job was created.
    #[error("the caller left")]
    CallerGone,
    /// The store could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the request a job, or finds the job that it is a retry of. Durable when it returns.
///
/// `gone` tells whether the caller has left: then nothing is created for it.
///
/// # Errors
/// [`AcceptError`]. After [`AcceptError::Store`] the job may exist; the caller's retry joins it.
pub async fn accept(
    ports: &Ports,
    asked: &Asked,
    call: &Call,
    gone: &(dyn Fn() -> bool + Sync),
) -> Result<Accepted, AcceptError> {
    if let Some(key) = &asked.key {
        return keyed(ports, asked, identity::keyed(&asked.tenant, key), call, gone).await;
    }
    if call.is_repeated()
        && let Some(accepted) = join::find(ports, asked, call).await?
    {
        return Ok(accepted);
    }
    let job = create_next(ports, asked, gone).await?;
    send(ports, asked, &job).await?;
    Ok(Accepted { job, joined: false, again: false })
}

async fn keyed(
    ports: &Ports,
    asked: &Asked,
    id: JobId,
    call: &Call,
    gone: &(dyn Fn() -> bool + Sync),
) -> Result<Accepted, AcceptError> {
    if gone() {
        return Err(AcceptError::CallerGone);
    }
    // A repeated call mostly finds its row: a read costs a fifth of a create that is refused.
    let known = if call.is_repeated() { ports.jobs.get(&[id]).await?.pop().flatten() } else { None };
    let before = if let Some(before) = known {
        before
    } else {
        let job = row(ports, asked, id, 0);
        match create(ports, &job).await? {
            Created::New => {
                send(ports, asked, &job).await?;
                return Ok(Accepted { job, joined: false, again: false });
            }
            Created::Exists(before) => *before,
        }
    };
    let same = |one: &Lane, other: &Lane| one.endpoint == other.endpoint && one.terms.private == other.terms.private;
    if before.request.body_sha256 != asked.body_sha256 || !same(&before.lane, &asked.lane) {
        return Err(AcceptError::KeyReused);
    }
    let joined = join::join(ports, asked, before, false).await?;
    joined.ok_or_else(|| StoreError::Unavailable("a row went while it was joined".to_owned()).into())
}

/// Creates the first twin that does not exist yet (DESIGN rule 11).
async fn create_next(ports: &Ports, asked: &Asked, gone: &(dyn Fn() -> bool + Sync)) -> Result<Job, AcceptError> {
    let first = twin(asked, 0);
    let mut n = 0;
    loop {
        if gone() {
            return Err(AcceptError::CallerGone);
        }
        let job = row(ports, asked, twin(asked, n), n);
        match create(ports, &job).await? {
            Created::New if n == 0 => return Ok(job),
            Created::New => {
                ports.jobs.mark(first, Mark::Count(n + 1)).await?;
                return Ok(job);
            }
            Created::Exists(before) if n == 0 => n = before.joins.count.max(1),
            Created::Exists(_) => {
                n += 1;
                ports.jobs.mark(first, Mark::Count(n)).await?;
            }
        }
    }
}

async fn create(ports: &Ports, job: &Job) -> Result<Created, StoreError> {
    let created = ports.jobs.create(vec![job.clone()]).await?;
    created.into_iter().next().ok_or_else(|| StoreError::Corrupt("a create was not answered".to_owned()))
}

/// The id of the nth job with this body.
pub(super) fn twin(asked: &Asked, n: u32) -> JobId {
    let Lane { endpoint, terms, .. } = &asked.lane;
    if terms.private {
        // What is private has twins of its own: no answer of a provider is given for it.
        return identity::unkeyed(&asked.tenant, *endpoint, &format!("private {}", asked.body_sha256), n);
    }
    identity::unkeyed(&asked.tenant, *endpoint, &asked.body_sha256, n)
}

fn row(ports: &Ports, asked: &Asked, id: JobId, n: u32) -> Job {
    Job {
        id,
        tenant: asked.tenant.clone(),
        request: Request {
            model: asked.model.clone(),
            body_sha256: asked.body_sha256.clone(),
            keyed: asked.key.is_some(),
            tag: asked.tag.clone(),
            webhook: asked.webhook.clone(),
        },
        lane: asked.lane.clone(),
        state: State::Queued,
        attempt: 0,
        created_ms: ports.clock.now_ms(),
        deadline_ms: asked.deadline_ms,
        finished_ms: 0,
        joins: Joins { n, count: 1, handed: asked.handed, ..Joins::default() },
        cancel_wished: false,
        body: None,
    }
}

async fn send(ports: &Ports, asked: &Asked, job: &Job) -> Result<(), StoreError> {
    let sent = ports.intake.send(vec![message(asked, job)]).await;
    if planted(Fault::AcknowledgeEarly) { Ok(()) } else { sent }
}

/// The message that brings this job, at its present attempt, to a packer.
pub(super) fn message(asked: &Asked, job: &Job) -> Message {
    // The row may say another target than this call is routed to.
    let body = || {
        if job.lane.model == asked.lane.model { asked.body.clone() } else { for_model(&asked.body, &job.lane.model) }
    };
    Message {
        job: job.id,
        attempt: job.attempt,
        tenant: job.tenant.clone(),
        lane: job.lane.clone(),
        size: asked.size,
        created_ms: job.created_ms,
        deadline_ms: job.deadline_ms,
        body: job.body.clone().map_or_else(|| MessageBody::Inline(body()), MessageBody::At),
    }
}

/// The default deadline: 72 h, so that a line that expired in its first 24 h batch still has time.
pub const DEFAULT_DEADLINE_MS: u64 = 72 * 3_600_000;

/// The longest deadline: 13 days, inside the intake queue's retention of 14 (SQS quota, read 2026-11-20).
pub const MAX_DEADLINE_MS: u64 = 13 * 24 * 3_600_000;
