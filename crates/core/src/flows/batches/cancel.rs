//! Cancel: what has not run need not; what has is brought home.

use super::{get, take};
use crate::batch::{Batch, Event, State, StateKind};
use crate::ids::{NativeBatchId, TenantId};
use crate::ports::{Ports, StoreError};

/// Why a batch was not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// The tenant has no such batch.
    #[error("no such batch")]
    NotFound,
    /// It has ended, or nothing of it is left to run.
    #[error("a batch that is {} cannot be cancelled", .0.name())]
    Ended(StateKind),
    /// The store could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Withdraws a batch; returns its row as it stands afterwards. One that is withdrawn already stays as it is.
///
/// # Errors
/// [`CancelError`]. After [`CancelError::Store`] it may have been withdrawn.
pub async fn cancel(ports: &Ports, tenant: &TenantId, id: NativeBatchId) -> Result<Batch, CancelError> {
    loop {
        let batch = get(ports, tenant, id).await?.ok_or(CancelError::NotFound)?;
        match &batch.state {
            State::Cancelling { .. } | State::Cancelled(_) => return Ok(batch),
            State::Validating | State::InProgress => {
                if let Some(after) = take(ports, &batch, Event::Cancel).await? {
                    return Ok(after);
                }
            }
            State::Failed { .. } | State::Finalizing | State::Completed(_) | State::Expired(_) => {
                return Err(CancelError::Ended(batch.state.kind()));
            }
        }
    }
}
