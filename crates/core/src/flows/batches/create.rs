//! Create: a batch's row, before anything is read.

use crate::batch::{Asked, Batch, State, Times};
use crate::ids::{NativeBatchId, TenantId, derive};
use crate::ports::{Ports, StoreError};

/// The longest completion window: what is sealed is kept longer.
pub const MAX_WINDOW_MS: u64 = crate::flows::accept::MAX_DEADLINE_MS;

/// A validated request for a batch.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// Whose batch it is.
    pub tenant: TenantId,
    /// What was asked for.
    pub asked: Asked,
    /// Its completion window, milliseconds, at most [`MAX_WINDOW_MS`].
    pub window_ms: u64,
    /// The caller's Idempotency-Key.
    pub key: Option<String>,
}

/// Why a request did not become a batch.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The Idempotency-Key names a batch that was asked for otherwise.
    #[error("the Idempotency-Key was used with another request")]
    KeyReused,
    /// The store could not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Creates the batch, or finds the one that the same key names. Durable when it returns.
///
/// # Errors
/// [`CreateError`]. After [`CreateError::Store`] the batch may exist.
pub async fn create(ports: &Ports, new: NewBatch) -> Result<Batch, CreateError> {
    let id = new.key.as_deref().map(|key| keyed(&new.tenant, key));
    create_as(ports, new, id).await
}

/// The batch that an Idempotency-Key names within its tenant, if there is one.
///
/// # Errors
/// [`StoreError`].
pub async fn named(ports: &Ports, tenant: &TenantId, key: &str) -> Result<Option<Batch>, StoreError> {
    ports.batches.get(keyed(tenant, key)).await
}

/// Creates the batch of that id, or finds the one that stands; one of its own if none is given.
pub(super) async fn create_as(
    ports: &Ports,
    new: NewBatch,
    decided: Option<NativeBatchId>,
) -> Result<Batch, CreateError> {
    let id = decided.unwrap_or_else(|| NativeBatchId(crate::flows::ascending(ports)));
    let batch = row(ports, id, new);
    if decided.is_none() {
        ports.batches.create(&batch).await?;
        return Ok(batch);
    }
    let asked = batch.asked.clone();
    let stands = create_or_find(ports, batch).await?;
    // How inputs are taken is not the caller's word, and may have been changed since; so may its receivers.
    let asked = Asked { rule: stands.asked.rule, webhook: stands.asked.webhook.clone(), ..asked };
    if stands.asked == asked { Ok(stands) } else { Err(CreateError::KeyReused) }
}

/// Creates the batch, or finds the one of its id as it stands. Durable when it returns.
pub(in crate::flows) async fn create_or_find(ports: &Ports, batch: Batch) -> Result<Batch, StoreError> {
    ports.batches.create(&batch).await?;
    ports.batches.get(batch.id).await?.ok_or(StoreError::NotFound)
}

/// The row of a new batch.
pub(in crate::flows) fn row(ports: &Ports, id: NativeBatchId, new: NewBatch) -> Batch {
    let now_ms = ports.clock.now_ms();
    Batch {
        id,
        tenant: new.tenant,
        version: 1,
        asked: new.asked,
        created_ms: now_ms,
        deadline_ms: now_ms.saturating_add(new.window_ms.min(MAX_WINDOW_MS)),
        state: State::Validating,
        times: Times::default(),
        lines: 0,
        model: None,
        parts: Vec::new(),
        busy_until_ms: 0,
    }
}

/// The id of the batch that an Idempotency-Key names within its tenant.
pub(super) fn keyed(tenant: &TenantId, key: &str) -> NativeBatchId {
    NativeBatchId(derive(&["batch", tenant.as_str(), key]))
}
