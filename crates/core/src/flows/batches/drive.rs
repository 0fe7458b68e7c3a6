//! Drive: a batch takes its next steps towards its end.

use futures_util::{StreamExt, stream};

use super::{merge, place, split, take};
use crate::batch::{Event, Step, step};
use crate::flows::advance_all::Round;
use crate::ids::NativeBatchId;
use crate::ports::{Ports, StoreError};

/// Steps in one drive at most: what is left waits for the next tick.
const STEPS: usize = 16;

/// Batches driven at once: each may hold a line and the manifests of a part, so memory bounds them.
const DRIVING: usize = 2;

/// Takes a batch's next steps until its submissions have to go on, or it has ended.
///
/// # Errors
/// [`StoreError`]: repeat at the next tick.
pub async fn drive(ports: &Ports, id: NativeBatchId) -> Result<(), StoreError> {
    for _ in 0..STEPS {
        let Some(batch) = ports.batches.get(id).await? else { return Ok(()) };
        match step(&batch) {
            Step::Rest => return Ok(()),
            Step::Validate => split::split(ports, &batch).await?,
            Step::Place => place::place(ports, &batch).await?,
            Step::Withdraw => place::withdraw(ports, &batch).await?,
            Step::Finalize => {
                take(ports, &batch, Event::Finalize).await?;
            }
            Step::Merge => merge::merge(ports, &batch).await?,
        }
    }
    Ok(())
}

/// Drives each open batch, beginning none at or after `stop_ms` (Unix milliseconds). What fails is logged and stops no
/// other. What it places is open when it returns: submissions are advanced after it.
///
/// # Errors
/// [`StoreError`]: what is open could not be listed.
pub async fn drive_all(ports: &Ports, stop_ms: u64) -> Result<Round, StoreError> {
    let ids = ports.batches.open().await?;
    let ends = stream::iter(ids).map(|id| drive_one(ports, id, stop_ms)).buffer_unordered(DRIVING);
    let fold = |mut round: Round, end| async move {
        match end {
            Some(true) => round.advanced += 1,
            Some(false) => round.failed += 1,
            None => round.left += 1,
        }
        round
    };
    Ok(ends.fold(Round::default(), fold).await)
}

/// Whether it went well; `None` if there was no time.
async fn drive_one(ports: &Ports, id: NativeBatchId, stop_ms: u64) -> Option<bool> {
    if ports.clock.now_ms() >= stop_ms {
        return None;
    }
    let driven = Box::pin(drive(ports, id)).await;
    if let Err(error) = &driven {
        tracing::error!(%error, batch = %id, "a batch could not be driven");
    }
    Some(driven.is_ok())
}
