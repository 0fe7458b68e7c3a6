//! A tick of a class: drain, then advance what was sealed.

use anyhow::Context as _;
use offpeak_core::flows::{advance_all::advance_all, pack};
use offpeak_core::ports::Ports;
use serde::{Deserialize, Serialize};

/// No work begins when less than this is left of an invocation: what is under way can end.
const RESERVE_MS: u64 = 120_000;

/// What the schedule sends.
#[derive(Debug, Deserialize)]
pub struct Tick {
    /// The class to drain.
    pub class: String,
}

/// What a tick did.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Packed {
    /// Submissions sealed.
    pub sealed: usize,
    /// Of these, how many went on to their provider as far as they could.
    pub advanced: usize,
}

/// Drains a class if it is due. `deadline_ms` is when the invocation ends, Unix milliseconds.
///
/// # Errors
/// The class is unknown, or a store failed before anything was sealed: the next tick repeats it.
pub async fn handle(ports: &Ports, tick: &Tick, deadline_ms: u64) -> anyhow::Result<Packed> {
    let class = tick.class.as_str();
    anyhow::ensure!(ports.settings.classes.contains_key(class), "there is no class {class:?}");
    let stop_ms = deadline_ms.saturating_sub(RESERVE_MS);
    let ids = pack::tick(ports, class, stop_ms).await.with_context(|| format!("draining {class}"))?;
    let sealed = ids.len();
    // The poller takes up whatever time does not suffice for.
    let round = advance_all(ports, ids, stop_ms).await;
    tracing::info!(class, sealed, advanced = round.advanced, failed = round.failed, left = round.left, "packed");
    Ok(Packed { sealed, advanced: round.advanced })
}
