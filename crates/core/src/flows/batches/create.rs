//! Create: a batch's row, before anything is read.

use sha2::{Digest, Sha256};

use crate::batch::{Asked, Batch, State, Times};
use crate::ids::{NativeBatchId, TenantId};
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
    let Some(key) = &new.key else {
        let batch = row(ports, NativeBatchId(crate::flows::ascending(ports)), new);
        ports.batches.create(&batch).await?;
        return Ok(batch);
    };
    let id = keyed(&new.tenant, key);
    let batch = row(ports, id, new);
    ports.batches.create(&batch).await?;
    let stands = ports.batches.get(id).await?.ok_or(StoreError::NotFound)?;
    // How inputs are taken is not the caller's word, and may have been changed since.
    let asked = Asked { rule: stands.asked.rule, ..batch.asked };
    if stands.asked == asked { Ok(stands) } else { Err(CreateError::KeyReused) }
}

/// Creates the batch of this id, or finds it: for those whose ids are decided by what asks for them. Durable when it
/// returns.
pub(in crate::flows) async fn create_as(ports: &Ports, id: NativeBatchId, new: NewBatch) -> Result<Batch, StoreError> {
    ports.batches.create(&row(ports, id, new)).await?;
    ports.batches.get(id).await?.ok_or(StoreError::NotFound)
}

fn row(ports: &Ports, id: NativeBatchId, new: NewBatch) -> Batch {
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
    }
}

/// The id of the batch that an Idempotency-Key names within its tenant.
fn keyed(tenant: &TenantId, key: &str) -> NativeBatchId {
    NativeBatchId(derive(&["batch", tenant.as_str(), key]))
}

/// Each part is preceded by its length, so that no two lists of parts meet.
pub(in crate::flows) fn derive(words: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for word in words {
        hash.update((word.len() as u64).to_be_bytes());
        hash.update(word);
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    id
}
