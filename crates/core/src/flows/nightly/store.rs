//! What was dropped or is scheduled becomes a file of its tenant, and that the input of a batch.

use std::collections::BTreeMap;

use futures_util::StreamExt;

use crate::batch::input::FirstEndpoint;
use crate::batch::{Asked, Batch};
use crate::endpoint::Endpoint;
use crate::file::Purpose;
use crate::flows::batches::{NewBatch, create_or_find, row};
use crate::flows::files::{NewFile, ReceiveError, receive};
use crate::ids::{NativeBatchId, NativeFileId, TenantId};
use crate::ports::{ByteStream, Ports, StoreError};

/// The window that OpenAI knows.
const WINDOW: &str = "24h";
const WINDOW_MS: u64 = 86_400_000;

/// What a batch is to be made of.
pub(super) struct Wanted {
    pub(super) id: NativeBatchId,
    pub(super) tenant: TenantId,
    pub(super) input: NativeFileId,
    /// Where there is no such file: what was looked for.
    pub(super) misnamed: Option<String>,
    /// Where its lines go; without one it is refused, since its first line names none.
    pub(super) endpoint: Option<Endpoint>,
    /// What it is called in its metadata, and by what.
    pub(super) note: (&'static str, String),
    pub(super) outbox: String,
}

/// Stores the content as a file, in pieces, and reads the endpoint from its first line. A repeat finds the file.
pub(super) async fn input(
    ports: &Ports,
    mut content: ByteStream,
    new: NewFile,
) -> Result<(NativeFileId, Option<Endpoint>), StoreError> {
    let mut receiving = receive(ports, u64::MAX).await?;
    let mut first = FirstEndpoint::default();
    while let Some(piece) = content.next().await {
        let piece = piece?;
        first.push(&piece);
        receiving.write(piece).await.map_err(told)?;
    }
    let file = receiving.finish_as_it_is(new).await?;
    Ok((file.id, first.end()))
}

/// A file of the tenant for a batch.
pub(super) fn file(tenant: &TenantId, filename: String, id: NativeFileId) -> NewFile {
    NewFile { tenant: tenant.clone(), purpose: Purpose::Batch, filename, expires_after_ms: None, id: Some(id) }
}

/// Creates the batch, or finds it.
pub(super) async fn batch(ports: &Ports, wanted: Wanted) -> Result<Batch, StoreError> {
    let (key, value) = wanted.note;
    let asked = Asked {
        // Of an input that names none each line is refused, or there is none.
        endpoint: wanted.endpoint.unwrap_or(Endpoint::ChatCompletions),
        input: wanted.input,
        misnamed: wanted.misnamed,
        window: WINDOW.to_owned(),
        metadata: Some(BTreeMap::from([(key.to_owned(), value)])),
        output_expires_after_ms: None,
        credential: None,
        rule: ports.settings.nightly.rule,
        private: false,
        outbox: Some(wanted.outbox),
        retry_of: None,
        webhook: None,
    };
    let new = NewBatch { tenant: wanted.tenant, asked, window_ms: WINDOW_MS, key: None };
    create_or_find(ports, row(ports, wanted.id, new)).await
}

/// No length is refused here.
fn told(error: ReceiveError) -> StoreError {
    match error {
        ReceiveError::Store(error) => error,
        ReceiveError::NotJsonl | ReceiveError::TooLarge { .. } => StoreError::Corrupt(error.to_string()),
    }
}
