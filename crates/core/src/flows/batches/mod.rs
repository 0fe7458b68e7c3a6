//! Callers' batches: create, split, drive, bring home, merge, give, cancel.
//!
//! ```text
//! create ─► [row: validating] ─► split: parts sealed ─► [row: in_progress(parts)] ─► a submission's row per part
//!                                                             ▲                              │ advance, as any
//!   [row: completed] ◄─ merge ◄─ [row: finalizing] ◄─ all ────┴── [row: part collected] ◄────┘ bring home
//! ```
//! The row says what counts; each effect follows the stored state. Any number of drivers may work on one batch, and each
//! may be cut off anywhere: what a cut leaves are objects under names that no row has.

mod aside;
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
pub use create::{CreateError, MAX_WINDOW_MS, NewBatch, create, named};
pub(super) use create::{create_or_find, row};
pub use drive::{Driven, drive, drive_all};
pub(super) use give::put as put_results;
pub(super) use home::bring_home;
pub use results::{Cursor, ResultsPage, results};
pub use retry::retry;

use super::notices::Audience;
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
    hold(ports, batch, Some(event), 0).await
}

/// The same, or the row as it is without an event; and asks others to leave it alone until then, Unix milliseconds.
pub(super) async fn hold(
    ports: &Ports,
    batch: &Batch,
    event: Option<Event>,
    busy_until_ms: u64,
) -> Result<Option<Batch>, StoreError> {
    let after = event.map_or_else(|| Ok(batch.clone()), |event| batch.after(event, ports.clock.now_ms()));
    let Ok(after) = after else { return Ok(None) };
    let after = Batch { busy_until_ms, ..after };
    Audience::new(ports).promise_batch(&after).await?;
    if !ports.batches.replace(&after).await? {
        return Ok(None);
    }
    tell(batch, &after);
    Ok(Some(Batch { version: after.version + 1, ..after }))
}

/// Until when who begins now to read so many bytes may be busy with it.
fn busy_until_ms(ports: &Ports, bytes: u64) -> u64 {
    ports.clock.now_ms().saturating_add(ports.settings.timing.reading_ms_of(bytes))
}

/// Lets others begin at once where a held batch could not be split or merged. They begin later if this is lost too.
async fn freed(ports: &Ports, held: &Batch, done: Result<(), StoreError>) -> Result<(), StoreError> {
    if done.is_err() {
        let _ = hold(ports, held, None, 0).await;
    }
    done
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
