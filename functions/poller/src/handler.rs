//! A tick of the poller: advance and collect everything that is open, and begin what is due.

use anyhow::Context as _;
use offpeak_core::flows::advance_all::advance_all;
use offpeak_core::flows::batches::{self, Driven};
use offpeak_core::flows::nightly;
use offpeak_core::ports::Ports;
use serde::Serialize;

/// No submission is begun with when less than this is left of an invocation: what is under way can end.
const RESERVE_MS: u64 = 120_000;

/// What a tick did.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Polled {
    /// Submissions that something was owed to.
    pub open: usize,
    /// Of these, how many took every step they could.
    pub advanced: usize,
}

/// Advances every open submission, drives every open batch, then begins what is due.
///
/// `deadline_ms` is when the invocation ends, Unix milliseconds.
///
/// # Errors
/// Open submissions cannot be listed: the next tick repeats it.
pub async fn handle(ports: &Ports, deadline_ms: u64) -> anyhow::Result<Polled> {
    let stop_ms = deadline_ms.saturating_sub(RESERVE_MS);
    let mut ids = ports.submissions.open().await.context("listing open submissions")?;
    let open = ids.len();
    // Begun anywhere, so that one which ends its invocations, or takes all their time, does not keep the others waiting.
    ids.rotate_left(usize::from(ports.random.bits()[0]) * open / 256);
    let round = advance_all(ports, ids, stop_ms).await;
    // After what is polled: a large batch may take all the time that is left.
    let driven = batches::drive_all(ports, stop_ms).await.unwrap_or_else(|error| {
        tracing::error!(%error, "open batches could not be listed");
        Driven::default()
    });
    // What a batch has placed is told: an index may not show it yet.
    advance_all(ports, driven.news, stop_ms).await;
    // At last, since a large drop may take all the time that is left.
    begin(ports, stop_ms).await;
    if open > 0 {
        tracing::info!(open, advanced = round.advanced, failed = round.failed, left = round.left, "polled");
    }
    Ok(Polled { open, advanced: round.advanced })
}

/// Begins what is due. What fails is tried again at the next tick, and keeps nothing else waiting.
async fn begin(ports: &Ports, stop_ms: u64) {
    if let Err(error) = Box::pin(nightly::look(ports, stop_ms)).await {
        tracing::error!(%error, "the inbox could not be looked through");
    }
}
