//! Callers' batches: create, split, drive, bring home, merge, give, cancel.
//!
//! ```text
//! create ─► [row: validating] ─► split: parts sealed ─► [row: in_progress(parts)] ─► a submission's row per part
//!                                                             ▲                              │ advance, as any
//!   [row: completed] ◄─ merge ◄─ [row: finalizing] ◄─ all ────┴── [row: part collected] ◄────┘ bring home
//! ```
//! The row says what counts; each effect follows the stored state. Any number of drivers may work on one batch, and each
//! may be cut off anywhere: what a cut leaves are objects under names that no row has.

mod cancel;
mod create;
mod drive;
mod give;
mod home;
mod merge;
mod merged;
mod place;
mod rerun;
mod results;
mod retry;
mod split;
mod splitting;
mod verdict;

pub use cancel::{CancelError, cancel};
pub use create::{CreateError, MAX_WINDOW_MS, NewBatch, create};
pub(super) use create::{create_as, derive};
pub use drive::{Driven, drive, drive_all};
pub(super) use give::put as put_results;
pub(super) use home::bring_home;
pub use results::{Cursor, ResultsPage, results};
pub use retry::retry;

use crate::batch::{Batch, Event, Part};
use crate::ids::{NativeBatchId, ObjectName, TenantId};
use crate::ports::{BatchPage, Ports, StoreError};

/// The tenant's batch of that id.
///
/// # Errors
/// [`StoreError`].
pub async fn get(ports: &Ports, tenant: &TenantId, id: NativeBatchId) -> Result<Option<Batch>, StoreError> {
    Ok(ports.batches.get(id).await?.filter(|batch| batch.tenant == *tenant))
}

/// Up to `limit` of the tenant's batches, newest first, after `after`.
///
/// # Errors
/// [`StoreError::NotFound`] if `after` is no batch of this tenant.
pub async fn list(
    ports: &Ports,
    tenant: &TenantId,
    after: Option<NativeBatchId>,
    limit: usize,
) -> Result<BatchPage, StoreError> {
    ports.batches.list(tenant, after, limit).await
}

/// Replaces the row by what it is after `event`; `None` if the state forbids it, or somebody was faster.
async fn take(ports: &Ports, batch: &Batch, event: Event) -> Result<Option<Batch>, StoreError> {
    let Ok(after) = batch.after(event, ports.clock.now_ms()) else { return Ok(None) };
    if !ports.batches.replace(&after).await? {
        return Ok(None);
    }
    tell(batch, &after);
    Ok(Some(Batch { version: after.version + 1, ..after }))
}

/// Tells operators of a step.
fn tell(before: &Batch, after: &Batch) {
    let (from, to) = (before.state.kind(), after.state.kind());
    if from != to {
        let (from, to) = (from.name(), to.name());
        tracing::info!(batch = %before.id, from, to, lines = after.lines, parts = after.parts.len(), "moved");
    }
}

/// Deletes the objects of parts that no row names. What cannot be deleted goes by its age.
async fn discard(ports: &Ports, unnamed: &[Part]) {
    for part in unnamed {
        for name in [&part.sealed.object, &part.sealed.manifest] {
            let _ = ports.objects.delete(name).await;
        }
    }
}

/// A name that nobody used before.
fn fresh(ports: &Ports) -> String {
    crate::hex::encode(&ports.random.bits())
}

/// Stores a manifest.
async fn store(ports: &Ports, name: &ObjectName, bytes: bytes::Bytes) -> Result<(), StoreError> {
    let mut writer = ports.objects.create(name).await?;
    writer.write(bytes).await?;
    writer.finish().await?;
    Ok(())
}
