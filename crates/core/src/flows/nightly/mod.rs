//! What runs without a call: the inbox is looked through, and schedules are kept.
//!
//! ```text
//! inbox/TENANT/NAME.jsonl ─► a file of the tenant ─► [batch: validating, outbox] ─► removed from the inbox
//! schedule, when it is due ─► a file of the tenant ─► [batch: validating, outbox] ─► noted in the schedule's row
//! ```
//! From there each is a batch like any other, but that its results are put into the outbox when it has ended. Its id is
//! decided by what was dropped, or by the schedule and the hour: who is cut off anywhere is followed by another who finds
//! what is there.

mod inbox;
mod refuse;
mod schedules;
mod store;

use crate::ports::{Ports, StoreError};

/// What a look found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looked {
    /// Batches that were begun from the inbox.
    pub taken: usize,
    /// Batches that schedules began.
    pub scheduled: usize,
}

/// Keeps the schedules, then takes what lies in the inbox, beginning with nothing at or after `stop_ms` (Unix
/// milliseconds). What cannot be taken is logged and stops nothing else.
///
/// # Errors
/// [`StoreError`]: the inbox cannot be looked through.
pub async fn look(ports: &Ports, stop_ms: u64) -> Result<Looked, StoreError> {
    let scheduled = schedules::keep(ports, stop_ms).await;
    let taken = if ports.settings.nightly.inbox { inbox::take_all(ports, stop_ms).await? } else { 0 };
    Ok(Looked { taken, scheduled })
}
