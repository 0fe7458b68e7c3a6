//! Where a drain's messages come from: the intake queue, noted in the class's row before each receive.

use crate::class::Departures;
use crate::faults::{Fault, planted};
use crate::ids::RequestId;
use crate::ports::{Ports, Received, StoreError};

/// Messages asked for in one receive.
const RECEIVE: usize = 1_000;

/// Bytes of bodies that are claimed for at once, about.
const SLICE: u64 = 32 << 20;

/// The queue and the row of one drain's class.
pub(super) struct Source<'a> {
    ports: &'a Ports,
    class: &'a str,
    owner: RequestId,
    /// The row as this drain last read or wrote it; the compare-and-set of each write finds out if it has changed.
    row: Departures,
}

impl<'a> Source<'a> {
    pub(super) const fn new(ports: &'a Ports, class: &'a str, owner: RequestId, row: Departures) -> Self {
        Self { ports, class, owner, row }
    }

    /// Notes, then receives.
    pub(super) async fn receive(&mut self) -> Result<Vec<Received>, StoreError> {
        self.note().await?;
        let timing = &self.ports.settings.timing;
        self.ports.intake.receive(self.class, RECEIVE, timing.visibility_ms, timing.receive_wait_ms).await
    }

    /// Directly before a receive: the note must not be much older than what it stands for.
    async fn note(&mut self) -> Result<(), StoreError> {
        if planted(Fault::NoteForgotten) {
            return Ok(());
        }
        let (ports, owner) = (self.ports, self.owner);
        self.revise(|row| row.noted(owner, Some(ports.clock.now_ms()))).await
    }

    /// Changes the row whatever others do to it meanwhile.
    pub(super) async fn revise(&mut self, change: impl Fn(Departures) -> Departures) -> Result<(), StoreError> {
        loop {
            let changed = change(self.row.clone());
            if changed == self.row {
                return Ok(());
            }
            if self.ports.classes.replace(self.class, &changed).await? {
                self.row = Departures { version: changed.version + 1, ..changed };
                return Ok(());
            }
            self.row = self.ports.classes.get(self.class).await?;
        }
    }
}

/// What was received, in slices whose bodies may be held at once; a slice has one message at least.
pub(super) fn slices(received: Vec<Received>) -> Vec<Vec<Received>> {
    let mut slices: Vec<Vec<Received>> = Vec::new();
    let mut room = 0;
    for one in received {
        let bytes = one.message.size.bytes;
        if bytes > room || slices.is_empty() {
            slices.push(Vec::new());
            room = SLICE;
        }
        room = room.saturating_sub(bytes);
        if let Some(slice) = slices.last_mut() {
            slice.push(one);
        }
    }
    slices
}
