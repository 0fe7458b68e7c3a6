//! How a drain ends its submissions: sealed one by one when there is no room, side by side when the queue has run dry.

use futures_util::{StreamExt, stream};

use super::pack_claim::Packing;
use super::pack_filling::Filling;
use crate::faults::{Fault, planted};
use crate::ids::SubmissionId;
use crate::lane::Lane;
use crate::ports::{Ports, StoreError};

/// Messages held at most: a queue hides 120,000 at once (SQS quotas, read 2026-11-20), and a receive beyond them brings
/// nothing, as if the queue were empty. Two packers stay below it.
const HELD: usize = 50_000;

/// Submissions sealed at once.
const SEALING: usize = 16;

impl Packing<'_> {
    /// Seals a lane's submission.
    pub(super) async fn seal(&mut self, lane: &Lane) -> Result<(), StoreError> {
        let Some(filling) = self.lanes.remove(lane) else { return Ok(()) };
        match seal(self.ports, self.class, filling).await? {
            Ended::Sealed(id, deleted) => {
                self.sealed.push(id);
                deleted
            }
            Ended::Empty => Ok(()),
            Ended::Lost => self.lost().await,
        }
    }

    /// Seals the lanes that hold most until no more than [`HELD`] messages are held.
    pub(super) async fn let_go(&mut self) -> Result<(), StoreError> {
        while self.lanes.values().map(|filling| filling.receipts.len()).sum::<usize>() > HELD {
            let fullest = self.lanes.iter().max_by_key(|(_, filling)| filling.receipts.len());
            let Some(fullest) = fullest.map(|(lane, _)| lane.clone()) else { return Ok(()) };
            self.seal(&fullest).await?;
        }
        Ok(())
    }

    /// Seals every lane, side by side, also after one that failed.
    pub(super) async fn seal_all(&mut self) -> Result<(), StoreError> {
        let (ports, class) = (self.ports, self.class);
        let lanes = std::mem::take(&mut self.lanes).into_values();
        let mut seals = stream::iter(lanes.map(|filling| seal(ports, class, filling))).buffer_unordered(SEALING);
        let (mut outcome, mut lost) = (Ok(()), false);
        while let Some(sealed) = seals.next().await {
            match sealed {
                Ok(Ended::Sealed(id, deleted)) => {
                    self.sealed.push(id);
                    outcome = outcome.and(deleted);
                }
                Ok(Ended::Empty) => {}
                Ok(Ended::Lost) => lost = true,
                Err(error) => outcome = Err(error),
            }
        }
        if lost {
            outcome = outcome.and(self.lost().await);
        }
        outcome
    }
}

/// What became of a submission that was to be sealed.
enum Ended {
    /// It is sealed; whether its messages were deleted.
    Sealed(SubmissionId, Result<(), StoreError>),
    /// It held nothing.
    Empty,
    /// Somebody took its jobs: their messages stay.
    Lost,
}

/// Seals a submission and deletes its messages (DESIGN rule 1).
async fn seal(ports: &Ports, class: &str, mut filling: Filling) -> Result<Ended, StoreError> {
    let receipts = std::mem::take(&mut filling.receipts);
    if planted(Fault::DeleteBeforeSeal) {
        ports.intake.delete(class, receipts.clone()).await?;
    }
    match filling.seal(ports).await? {
        Some(id) => Ok(Ended::Sealed(id, ports.intake.delete(class, receipts).await)),
        None if receipts.is_empty() => Ok(Ended::Empty),
        None => Ok(Ended::Lost),
    }
}
