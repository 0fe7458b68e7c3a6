//! A batch's requests within the call that creates it, in place of a file.

use bytes::{Bytes, BytesMut};
use offpeak_core::file::Purpose;
use offpeak_core::flows::batches::{self, NewBatch};
use offpeak_core::flows::files::{self as flow, DeleteError, NewFile, receive};
use offpeak_core::ids::NativeFileId;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::{Fields, wrong_type};
use crate::files;
use crate::gateway::Gateway;

/// The most that may be sent so, bytes.
const MAX_BYTES: usize = 4 << 20;

/// What the file is called that they become.
const FILENAME: &str = "requests.jsonl";

/// The requests as lines, if there are any.
pub(super) fn lines(fields: &mut Fields) -> Result<Option<Bytes>, ApiError> {
    let Some(raw) = fields.raw("requests") else { return Ok(None) };
    if raw.get().len() > MAX_BYTES {
        let message =
            format!("'requests' is larger than {MAX_BYTES} bytes; store a file and name it in 'input_file_id'.");
        return Err(ApiError::bad_request("request_too_large", Some("requests"), message));
    }
    let requests: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|_| wrong_type("requests", "an array of objects", raw.get()))?;
    if requests.is_empty() {
        let message = "Invalid 'requests': empty array. Expected an array with at least one request.";
        return Err(ApiError::bad_request("empty_array", Some("requests"), message));
    }
    let mut lines = BytesMut::with_capacity(raw.get().len() + 1);
    for (at, request) in requests.iter().enumerate() {
        let text = request.get();
        if !text.starts_with('{') {
            return Err(wrong_type(&format!("requests[{at}]"), "an object", text));
        }
        // Within JSON a line break is only ever blank.
        lines.extend(text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
        lines.extend_from_slice(b"\n");
    }
    Ok(Some(lines.freeze()))
}

/// Stores them as the batch's input. With an Idempotency-Key a repeat finds the same file.
pub(super) async fn store(
    gateway: &Gateway,
    caller: &Caller,
    lines: Bytes,
    key: Option<&str>,
) -> Result<NativeFileId, ApiError> {
    let new = NewFile {
        tenant: caller.tenant.clone(),
        purpose: Purpose::Batch,
        filename: FILENAME.to_owned(),
        expires_after_ms: None,
        id: key.map(|key| keyed(caller, key, &lines)),
    };
    let mut receiving = receive(&gateway.ports, lines.len() as u64).await?;
    receiving.write(lines).await.map_err(files::failed)?;
    receiving.finish(new).await.map(|file| file.id).map_err(files::failed)
}

/// Deletes what was stored for a batch whose key names one that was asked for otherwise, unless that one has the same
/// lines.
pub(super) async fn forget(gateway: &Gateway, refused: &NewBatch) -> Result<(), ApiError> {
    let Some(key) = &refused.key else { return Ok(()) };
    let stands = batches::named(&gateway.ports, &refused.tenant, key).await?;
    if stands.is_none_or(|stands| stands.asked.input == refused.asked.input) {
        return Ok(());
    }
    match flow::delete(&gateway.ports, &refused.tenant, refused.asked.input).await {
        // Somebody else was faster, or found it and gave it to another batch.
        Ok(()) | Err(DeleteError::NotFound | DeleteError::InUse(_)) => Ok(()),
        Err(DeleteError::Store(error)) => Err(error.into()),
    }
}

/// The file that a key and these lines name within a tenant.
fn keyed(caller: &Caller, key: &str, lines: &Bytes) -> NativeFileId {
    let mut hash = Sha256::new();
    for part in [b"requests", caller.tenant.as_str().as_bytes(), key.as_bytes(), lines] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    NativeFileId::derived(id)
}
