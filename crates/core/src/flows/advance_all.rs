//! Advance all: many submissions take their next steps side by side, until time is up.

use futures_util::{StreamExt, stream};

use super::advance::{Advanced, advance};
use crate::ids::SubmissionId;
use crate::ports::{Ports, StoreError};

/// Submissions advanced at once: each may stream a file, so memory bounds them.
const ADVANCING: usize = 8;

/// What came of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Submissions that took every step they could.
    pub advanced: usize,
    /// Submissions that a store's error stopped; the next round repeats them.
    pub failed: usize,
    /// Submissions for which no time was left.
    pub left: usize,
}

/// Advances each submission until it has to wait, beginning none at or after `stop_ms` (Unix milliseconds). What fails
/// is logged and stops no other.
pub async fn advance_all(ports: &Ports, ids: Vec<SubmissionId>, stop_ms: u64) -> Round {
    let ends = stream::iter(ids).map(|id| advance_one(ports, id, stop_ms)).buffer_unordered(ADVANCING);
    ends.fold(Round::default(), |mut round, end| async move {
        match end {
            End::Advanced => round.advanced += 1,
            End::Failed => round.failed += 1,
            End::Left => round.left += 1,
        }
        round
    })
    .await
}

enum End {
    Advanced,
    Failed,
    Left,
}

async fn advance_one(ports: &Ports, id: SubmissionId, stop_ms: u64) -> End {
    match until_it_waits(ports, id, stop_ms).await {
        Ok(end) => end,
        Err(error) => {
            tracing::error!(%error, submission = %id, "a submission could not be advanced");
            End::Failed
        }
    }
}

/// One advance takes only so many steps: who is due again at once has more to do.
async fn until_it_waits(ports: &Ports, id: SubmissionId, stop_ms: u64) -> Result<End, StoreError> {
    loop {
        let now_ms = ports.clock.now_ms();
        if now_ms >= stop_ms {
            return Ok(End::Left);
        }
        match Box::pin(advance(ports, id)).await? {
            Advanced::Until(until_ms) if until_ms <= now_ms => {}
            Advanced::Until(_) | Advanced::Settled => return Ok(End::Advanced),
        }
    }
}
