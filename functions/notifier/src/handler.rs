//! A tick of the notifier: send what is owed and due.

use anyhow::Context as _;
use offpeak_core::flows::notices::{Delivering, Sent, deliver_all};
use offpeak_core::ports::Ports;
use serde::Serialize;

/// Nothing is begun with when less than this is left of an invocation: an attempt under way can end.
const RESERVE_MS: u64 = 30_000;

/// What a tick did.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Notified {
    /// Notices that their receivers have.
    pub delivered: usize,
    /// Notices that will be sent again, or were too early.
    pub owed: usize,
    /// Notices that are given up.
    pub dead: usize,
}

/// Sends what is owed and due. `deadline_ms` is when the invocation ends, Unix milliseconds.
///
/// # Errors
/// What is due cannot be listed: the next tick repeats it.
pub async fn handle(ports: &Ports, ways: &Delivering, deadline_ms: u64) -> anyhow::Result<Notified> {
    let stop_ms = deadline_ms.saturating_sub(RESERVE_MS);
    let sent = deliver_all(ports, ways, stop_ms).await.context("listing what is due")?;
    if sent != Sent::default() {
        tracing::info!(?sent, "notified");
    }
    Ok(Notified { delivered: sent.delivered, owed: sent.owed, dead: sent.dead })
}
