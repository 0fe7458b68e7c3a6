//! The submissions of a batch's parts: their rows are created after the batch's row names them, never before.

use super::take;
use crate::batch::{Batch, Event, Part, PartState};
use crate::flows;
use crate::ids::SubmissionId;
use crate::ports::{Ports, StoreError};
use crate::submission::{Event as SubmissionEvent, Origin, State, Submission};

/// Creates the rows of submissions that have none yet, and notes it.
pub(super) async fn place(ports: &Ports, batch: &Batch) -> Result<(), StoreError> {
    let owed: Vec<&Part> = batch.parts.iter().filter(|part| part.state == PartState::Sealed).collect();
    for part in &owed {
        create_row(ports, batch, part, false).await?;
    }
    take(ports, batch, Event::Place(names(&owed))).await?;
    Ok(())
}

/// Asks every submission that has not come home to end, and notes it.
pub(super) async fn withdraw(ports: &Ports, batch: &Batch) -> Result<(), StoreError> {
    let owed: Vec<&Part> = batch
        .parts
        .iter()
        .filter(|part| matches!(part.state, PartState::Sealed | PartState::Placed { withdrawn: false }))
        .collect();
    for part in &owed {
        if part.state == PartState::Sealed {
            // A driver that knows nothing of the wish yet may create it too: who is first does not matter.
            create_row(ports, batch, part, true).await?;
        }
        ask_to_end(ports, part.submission).await?;
    }
    take(ports, batch, Event::Withdraw(names(&owed))).await?;
    Ok(())
}

fn names(parts: &[&Part]) -> Vec<SubmissionId> {
    parts.iter().map(|part| part.submission).collect()
}

pub(super) async fn create_row(ports: &Ports, batch: &Batch, part: &Part, withdrawn: bool) -> Result<(), StoreError> {
    let row = Submission {
        id: part.submission,
        version: 1,
        lane: part.lane.clone(),
        state: State::Sealed,
        created_ms: ports.clock.now_ms(),
        sealed: Some(part.sealed.clone()),
        origin: Origin::Batch { batch: batch.id, withdrawn },
    };
    ports.submissions.create(&row).await
}

async fn ask_to_end(ports: &Ports, id: SubmissionId) -> Result<(), StoreError> {
    loop {
        let Some(row) = ports.submissions.get(id).await? else { return Ok(()) };
        let ends = row.origin.is_withdrawn() || row.after(SubmissionEvent::Withdraw).is_err();
        if ends || flows::take(ports, &row, SubmissionEvent::Withdraw).await?.is_some() {
            return Ok(());
        }
    }
}
