//! Pack: one drain of a class's intake queue into sealed submissions.
//!
//! ```text
//! due? ─► note ─► receive ─► claim ─► write lines ─┐
//!            ▲       │                             │ full, or the queue has run dry
//!            └───────┘                             └─► seal ─► delete messages ─► depart
//! ```
//! The next messages are received while the last ones are claimed, so that a drain holds two receives at most.
//! The intake queue is authoritative for what waits, the job row for who holds it, the submission row for whether
//! it was sealed. A drain may be cut anywhere: its messages reappear, and its open submissions run out of lease.

use futures_util::future::join;

use super::pack_claim::Packing;
use super::pack_source::Source;
use crate::class::{Departures, Rule};
use crate::faults::{Fault, planted};
use crate::ids::{RequestId, SubmissionId};
use crate::job::Failure;
use crate::ports::{Ports, StoreError};

/// Receives in a row that must bring nothing, or only younger jobs, before a drain departs.
const DRY: u32 = 2;

/// Drains a class if it is due, until `stop_ms` (Unix milliseconds) at the latest; returns the sealed submissions,
/// which are to be advanced.
///
/// # Errors
/// [`StoreError`]: what was received reappears after its visibility timeout.
pub async fn tick(ports: &Ports, class: &str, stop_ms: u64) -> Result<Vec<SubmissionId>, StoreError> {
    let Some(rule) = ports.settings.classes.get(class) else { return Ok(Vec::new()) };
    let row = ports.classes.get(class).await?;
    let depth = ports.intake.depth(class).await?;
    let began_ms = ports.clock.now_ms();
    if row.version == 0 && matches!(rule, Rule::At { .. }) {
        // A class that was never seen waits for its first hour: the last one was not its own, unless it has just struck.
        let seen_ms = began_ms.saturating_sub(2 * ports.settings.timing.tick_ms);
        revise(ports, class, |row| Departures { departed_ms: row.departed_ms.max(seen_ms), ..row }).await?;
        return Ok(Vec::new());
    }
    if !row.due(rule, depth.visible + depth.hidden, began_ms, ports.settings.timing.tick_ms) {
        return Ok(Vec::new());
    }
    if planted(Fault::DepartEarly) {
        revise(ports, class, |now| now.departed(&row, began_ms, ports.settings.timing.tick_ms, keep_ms(ports))).await?;
    }
    let owner = RequestId(ports.random.bits());
    let mut drain = Drain {
        ports,
        class,
        owner,
        began_ms,
        source: Source::new(ports, class, owner, row.clone()),
        before: row,
        packing: Packing::new(ports, class, owner),
    };
    let dry = drain.run(stop_ms).await;
    drain.finish(dry).await
}

/// After so long every message that a drain held at its note is visible again: one visibility timeout, and as much
/// again for what lies between the note and the receive, and between two machines' clocks.
fn keep_ms(ports: &Ports) -> u64 {
    2 * ports.settings.timing.visibility_ms
}

/// Changes a class's row whatever others do to it meanwhile.
pub(super) async fn revise(
    ports: &Ports,
    class: &str,
    change: impl Fn(Departures) -> Departures,
) -> Result<(), StoreError> {
    loop {
        let row = ports.classes.get(class).await?;
        let changed = change(row.clone());
        if changed == row || ports.classes.replace(class, &changed).await? {
            return Ok(());
        }
    }
}

/// Notes that work was put back: the class stays due until a drain begun over a tick later departs.
///
/// # Errors
/// [`StoreError`]: it may have been noted.
pub async fn recall(ports: &Ports, class: &str) -> Result<(), StoreError> {
    let now_ms = ports.clock.now_ms();
    revise(ports, class, |row| row.recalled(now_ms)).await
}

/// One drain.
struct Drain<'a> {
    ports: &'a Ports,
    class: &'a str,
    owner: RequestId,
    began_ms: u64,
    /// The class's row when it began.
    before: Departures,
    source: Source<'a>,
    packing: Packing<'a>,
}

impl Drain<'_> {
    /// Receives until the queue has run dry (`true`) or time is up, and claims all that was received.
    async fn run(&mut self, stop_ms: u64) -> Result<bool, StoreError> {
        let mut dry = 0;
        let mut received = Vec::new();
        loop {
            self.packing.renew().await?;
            if dry >= DRY || self.ports.clock.now_ms() >= stop_ms {
                self.packing.take_in(received).await?;
                return Ok(dry >= DRY);
            }
            let (next, taken) = join(self.source.receive(), self.packing.take_in(received)).await;
            // What was received by now is hidden, and the note stands for it.
            taken?;
            received = next?;
            let older = received.iter().any(|one| one.message.created_ms <= self.began_ms);
            dry = if older { 0 } else { dry + 1 };
        }
    }

    /// Seals what is open, then writes the departure if the queue ran dry and this drain holds no message.
    async fn finish(mut self, dry: Result<bool, StoreError>) -> Result<Vec<SubmissionId>, StoreError> {
        let outcome = self.packing.seal_all().await.and(dry);
        let dry = match outcome {
            Ok(dry) => dry,
            // The note stays, and keeps the class due until the hidden messages are back.
            Err(error) if self.packing.sealed.is_empty() => return Err(error),
            Err(error) => {
                tracing::error!(%error, class = self.class, "a drain was cut short");
                return Ok(self.packing.sealed);
            }
        };
        if !self.packing.holding {
            let tick_ms = self.ports.settings.timing.tick_ms;
            let (owner, began_ms, keep_ms, before) = (self.owner, self.began_ms, keep_ms(self.ports), &self.before);
            let departed = |row: Departures| {
                let row = row.noted(owner, None);
                if dry { row.departed(before, began_ms, tick_ms, keep_ms) } else { row }
            };
            self.source.revise(departed).await?;
        }
        Ok(self.packing.sealed)
    }
}

/// A failure of ours.
pub(super) fn failure(code: &str, message: &str) -> Failure {
    Failure { code: code.to_owned(), message: message.to_owned() }
}
