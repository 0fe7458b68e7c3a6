//! Drive: a batch takes its next steps towards its end.

use futures_util::{StreamExt, stream};

use super::{give, merge, place, split};
use crate::batch::{Event, Step, step};
use crate::flows::advance_all::Round;
use crate::ids::{NativeBatchId, SubmissionId};
use crate::ports::{Ports, StoreError};

/// Steps in one drive at most: what is left waits for the next tick.
const STEPS: usize = 16;

/// Batches driven at once: each may hold a line and the manifests of a part, so memory bounds them.
const DRIVING: usize = 2;

/// Takes a batch's next steps until its submissions have to go on, or it has ended. Returns the submissions for which
/// there is news: they were placed, or asked to end.
///
/// # Errors
/// [`StoreError`]: repeat at the next tick.
pub async fn drive(ports: &Ports, id: NativeBatchId) -> Result<Vec<SubmissionId>, StoreError> {
    let mut news = Vec::new();
    for _ in 0..STEPS {
        let Some(batch) = ports.batches.get(id).await? else { break };
        match step(&batch, ports.clock.now_ms()) {
            Step::Rest => break,
            Step::Validate => split::begin(ports, &batch).await?,
            Step::Place => news.extend(place::place(ports, &batch).await?),
            Step::Withdraw => news.extend(place::withdraw(ports, &batch).await?),
            Step::Finalize => merge::begin(ports, &batch, Some(Event::Finalize)).await?,
            Step::Merge => merge::begin(ports, &batch, None).await?,
            Step::Give => give::give(ports, &batch).await?,
        }
    }
    Ok(news)
}

/// What came of driving.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Driven {
    /// How many batches took every step they could, failed, or had no time.
    pub round: Round,
    /// Submissions for which there is news.
    pub news: Vec<SubmissionId>,
}

/// Drives each open batch, beginning none at or after `stop_ms` (Unix milliseconds).
///
/// What fails is logged and stops no other. Whoever advances submissions does so after it, and may call it again when some came home.
///
/// # Errors
/// [`StoreError`]: what is open could not be listed.
pub async fn drive_all(ports: &Ports, stop_ms: u64) -> Result<Driven, StoreError> {
    let mut ids = ports.batches.open().await?;
    // Begun anywhere, so that one which takes all the time does not keep the others waiting for ever.
    let begin = usize::from(ports.random.bits()[0]) * ids.len() / 256;
    ids.rotate_left(begin);
    let ends = stream::iter(ids).map(|id| drive_one(ports, id, stop_ms)).buffer_unordered(DRIVING);
    let fold = |mut driven: Driven, end: Option<Result<Vec<SubmissionId>, StoreError>>| async move {
        match end {
            Some(Ok(news)) => {
                driven.round.advanced += 1;
                driven.news.extend(news);
            }
            Some(Err(_)) => driven.round.failed += 1,
            None => driven.round.left += 1,
        }
        driven
    };
    Ok(ends.fold(Driven::default(), fold).await)
}

/// What came of it; `None` if there was no time.
async fn drive_one(ports: &Ports, id: NativeBatchId, stop_ms: u64) -> Option<Result<Vec<SubmissionId>, StoreError>> {
    if ports.clock.now_ms() >= stop_ms {
        return None;
    }
    let driven = Box::pin(drive(ports, id)).await;
    if let Err(error) = &driven {
        tracing::error!(%error, batch = %id, "a batch could not be driven");
    }
    Some(driven)
}
