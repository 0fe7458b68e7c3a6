//! Create: the one call that spends money, and what to do when its outcome is unclear (DESIGN rule 8).
//!
//! ```text
//! intent stored ─► deadline kept? ─► one call ─► created ─► placed
//!       ▲                               │ unclear
//!       │                               ▼
//!       └── absent twice, grace over ── list ─► found ─► placed (adopted), its twins cancelled
//! ```

use super::advance::{Advancing, Then};
use super::take;
use crate::faults::{Fault, planted};
use crate::ids::{BatchId, FileId};
use crate::ports::{CreateReply, Marker, NewBatch, StoreError};
use crate::submission::{Creating, Ending, Event, Placed, State, Submission};

/// How far the provider's clock may be behind ours: batches so much older than the intent are looked at too.
const CLOCKS_MS: u64 = 600_000;

/// A create that is still unclear so long after its deadline is told to operators at every look.
const STUCK_MS: u64 = 900_000;

/// Stores the intent, then calls. `uploaded` is a file of this advancer's own, deleted if somebody was faster.
pub(super) async fn begin(
    advancing: &Advancing<'_>,
    file: FileId,
    uploaded: Option<FileId>,
) -> Result<Then, StoreError> {
    let now_ms = advancing.ports.clock.now_ms();
    let creating = Creating {
        file,
        attempt: 1,
        since_ms: now_ms,
        deadline_ms: now_ms + advancing.timing().create_timeout_ms,
        absent_ms: None,
    };
    intend(advancing, creating, uploaded).await
}

async fn intend(advancing: &Advancing<'_>, creating: Creating, uploaded: Option<FileId>) -> Result<Then, StoreError> {
    if planted(Fault::CreateWithoutIntent) {
        let reply = send(advancing, &creating).await;
        let Some(row) = take(advancing.ports, advancing.row, Event::Create(creating.clone())).await? else {
            return Ok(Then::Again);
        };
        return settle(&Advancing { row: &row, ..*advancing }, &creating, reply).await;
    }
    let Some(row) = take(advancing.ports, advancing.row, Event::Create(creating.clone())).await? else {
        if let Some(file) = uploaded {
            // Nobody names this file; if the delete is lost too, it expires at the provider.
            let _ = advancing.backend.delete(advancing.key, &file).await;
        }
        return Ok(Then::Again);
    };
    let advancing = Advancing { row: &row, ..*advancing };
    let deadline_ms = kept_deadline(&advancing, &creating).await?;
    if advancing.ports.clock.now_ms() >= deadline_ms {
        return Ok(advancing.rest());
    }
    let reply = send(&advancing, &creating).await;
    settle(&advancing, &creating, reply).await
}

/// The deadline by which the creator judges: the one it stored itself, never one that somebody may have moved.
async fn kept_deadline(advancing: &Advancing<'_>, creating: &Creating) -> Result<u64, StoreError> {
    if planted(Fault::DeadlineReread)
        && let Some(Submission { state: State::Creating(now), .. }) =
            advancing.ports.submissions.get(advancing.row.id).await?
    {
        return Ok(now.deadline_ms);
    }
    Ok(creating.deadline_ms)
}

async fn send(advancing: &Advancing<'_>, creating: &Creating) -> CreateReply {
    let batch = NewBatch {
        submission: advancing.row.id,
        file: creating.file.clone(),
        endpoint: advancing.row.lane.endpoint,
        timeout_ms: advancing.timing().create_timeout_ms,
    };
    advancing.backend.create(advancing.key, batch).await
}

async fn settle(advancing: &Advancing<'_>, creating: &Creating, reply: CreateReply) -> Result<Then, StoreError> {
    match reply {
        CreateReply::Created(batch) => place(advancing, creating, batch, creating.attempt > 1).await,
        // After an unclear create the row keeps its history: there may be a twin to look for.
        CreateReply::Throttled { .. } if creating.attempt > 1 => Ok(advancing.rest()),
        CreateReply::Refused(refusal) if advancing.passes(&refusal) && creating.attempt > 1 => Ok(advancing.rest()),
        CreateReply::Refused(refusal) if advancing.passes(&refusal) => {
            advancing.postpone(None, Some(creating.file.clone())).await
        }
        CreateReply::Refused(refusal) => {
            advancing.end(Ending::Refused { refusal, input: Some(creating.file.clone()) }).await
        }
        CreateReply::Throttled { retry_after_ms } => {
            advancing.postpone(retry_after_ms, Some(creating.file.clone())).await
        }
        CreateReply::Unclear => Ok(unclear(advancing)),
    }
}

/// The listings that follow tell.
fn unclear(advancing: &Advancing<'_>) -> Then {
    tracing::warn!(submission = %advancing.row.id, "whether its batch was created is unclear");
    advancing.rest()
}

/// Adopts a batch by compare-and-set; if the row moved on meanwhile, decides by what it says now.
async fn place(
    advancing: &Advancing<'_>,
    creating: &Creating,
    batch: BatchId,
    suspect: bool,
) -> Result<Then, StoreError> {
    let mut row = advancing.row.clone();
    loop {
        let moved = row.version != advancing.row.version;
        let placed = Placed {
            batch: batch.clone(),
            file: creating.file.clone(),
            since_ms: advancing.ports.clock.now_ms(),
            intended_ms: creating.since_ms,
            suspect: suspect || moved,
        };
        if take(advancing.ports, &row, Event::Place(placed)).await?.is_some() {
            advancing.ports.health.took(&row.lane);
            return Ok(Then::Again);
        }
        let Some(now) = advancing.ports.submissions.get(row.id).await? else { return Ok(Then::Again) };
        match &now.state {
            State::Creating(_) if now.version != row.version => row = now,
            State::Submitted(other) | State::Cancelling(other, _) if other.batch != batch => {
                // Adopted first, so this one is the twin. If the call is lost, the polls that follow find it.
                twin(advancing, &batch);
                let _ = advancing.backend.cancel(advancing.key, &batch).await;
                return Ok(Then::Again);
            }
            State::Open { .. }
            | State::Abandoned
            | State::Sealed
            | State::Uploading
            | State::Waiting { .. }
            | State::Creating(_)
            | State::Submitted(_)
            | State::Cancelling(..)
            | State::Collecting { .. }
            | State::Done { .. } => return Ok(Then::Again),
        }
    }
}

/// Looks for the batch of an unclear create: adopts it, or after two listings past the grace intends another.
pub(super) async fn find(
    advancing: &Advancing<'_>,
    creating: &Creating,
    may_conclude: bool,
) -> Result<Then, StoreError> {
    let marker = marker(advancing, &creating.file, creating.since_ms);
    let now_ms = advancing.ports.clock.now_ms();
    if now_ms >= creating.deadline_ms.saturating_add(STUCK_MS) {
        stuck(advancing, creating);
    }
    let found = match advancing.backend.find(advancing.key, marker).await {
        Ok(found) => found,
        Err(_) if now_ms >= hopeless_ms(advancing) => return advancing.end(forsaken(creating)).await,
        Err(error) => {
            advancing.failed("list", &error);
            return Ok(advancing.rest());
        }
    };
    if let Some(first) = found.first() {
        if planted(Fault::TwinsBeforeAdoption) {
            for twin in &found[1..] {
                let _ = advancing.backend.cancel(advancing.key, twin).await;
            }
        }
        return place(advancing, creating, first.clone(), true).await;
    }
    if !may_conclude {
        return Ok(advancing.rest());
    }
    absent(advancing, creating, now_ms).await
}

/// What follows from a listing after the grace, begun at `now_ms`, that shows no such batch: with the second, it will not
/// come.
async fn absent(advancing: &Advancing<'_>, creating: &Creating, now_ms: u64) -> Result<Then, StoreError> {
    let timing = advancing.timing();
    match creating.absent_ms {
        None => {
            take(advancing.ports, advancing.row, Event::Absent { at_ms: now_ms }).await?;
            Ok(Then::Wait(now_ms + timing.absent_gap_ms))
        }
        Some(absent_ms) if now_ms < absent_ms + timing.absent_gap_ms => {
            Ok(Then::Wait(absent_ms + timing.absent_gap_ms))
        }
        Some(_) if advancing.row.origin.is_withdrawn() => {
            advancing.take(Event::End(Ending::Withdrawn { input: Some(creating.file.clone()) })).await
        }
        Some(_) if advancing.row.turns(now_ms) => {
            let input = Some(creating.file.clone());
            advancing.take(Event::End(Ending::TakenBack { input, all: false })).await
        }
        Some(_) if advancing.row.sealed.as_ref().is_some_and(|sealed| now_ms >= sealed.deadline_ms) => {
            advancing.end(Ending::TooLate { input: Some(creating.file.clone()) }).await
        }
        Some(_) => {
            let again = Creating {
                attempt: creating.attempt + 1,
                deadline_ms: now_ms + timing.create_timeout_ms,
                absent_ms: None,
                ..creating.clone()
            };
            intend(advancing, again, None).await
        }
    }
}

/// From when on an unclear create is not looked for any more: its batch, if there is one, has ended, and so has the time
/// of its jobs.
fn hopeless_ms(advancing: &Advancing<'_>) -> u64 {
    let deadline_ms = advancing.row.sealed.as_ref().map_or(0, |sealed| sealed.deadline_ms);
    let timing = advancing.timing();
    deadline_ms.saturating_add(timing.window_ms).saturating_add(timing.margin_ms.saturating_mul(2))
}

/// Nothing is known of its batch, and nothing of it runs again.
fn forsaken(creating: &Creating) -> Ending {
    Ending::Batch { files: Vec::new(), input: creating.file.clone(), lines: None, forsaken: true }
}

/// Cancels every batch that bears the marker but is not the adopted one.
pub(super) async fn cancel_twins(advancing: &Advancing<'_>, file: &FileId, adopted: &BatchId, since_ms: u64) {
    let marker = marker(advancing, file, since_ms);
    // What cannot be listed or cancelled now is found again at the next poll.
    let Ok(found) = advancing.backend.find(advancing.key, marker).await else { return };
    for twin in found.iter().filter(|batch| *batch != adopted) {
        self::twin(advancing, twin);
        let _ = advancing.backend.cancel(advancing.key, twin).await;
    }
}

/// Tells operators of a create that stays unclear. Alarms match the words: they stay as they are.
fn stuck(advancing: &Advancing<'_>, creating: &Creating) {
    tracing::error!(submission = %advancing.row.id, attempt = creating.attempt, "stuck creating");
}

/// Tells operators of a double submission. Alarms match the field and the words: they stay as they are.
fn twin(advancing: &Advancing<'_>, batch: &BatchId) {
    let submission = advancing.row.id;
    tracing::error!(double_submission = true, %submission, %batch, "a twin batch was found and is cancelled");
}

/// How the batch is recognised whose create was first intended at `since_ms`, by our clock.
fn marker(advancing: &Advancing<'_>, file: &FileId, since_ms: u64) -> Marker {
    Marker { submission: advancing.row.id, file: file.clone(), since_ms: since_ms.saturating_sub(CLOCKS_MS) }
}
