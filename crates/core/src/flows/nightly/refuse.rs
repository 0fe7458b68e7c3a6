//! Refusing: what lies in the inbox and cannot be an input is put into the outbox beside a note that says why.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::flows::pour;
use crate::nightly::refusal_path;
use crate::ports::{ByteStream, Dropped, Ports, StoreError};

/// Moves it to the outbox, its note last: nothing is lost, and an empty inbox still means that everything was taken.
pub(super) async fn refuse(ports: &Ports, dropped: &Dropped, why: &str) -> Result<(), StoreError> {
    let content = match ports.mailbox.read(dropped).await {
        Ok(content) => content,
        Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    let path = refusal_path(&dropped.path);
    pour(content, ports.mailbox.give(&format!("{path}/input.jsonl")).await?).await?;
    pour(note(dropped, why), ports.mailbox.give(&format!("{path}/summary.json")).await?).await?;
    tracing::warn!(path = ?dropped.path, why, "refused, and moved to the outbox");
    ports.mailbox.remove(dropped).await
}

fn note(dropped: &Dropped, why: &str) -> ByteStream {
    let error = json!({"line": null, "code": "not_taken", "message": why, "param": null});
    let note = json!({"object": "batch.summary", "status": "refused", "path": dropped.path, "errors": [error]});
    stream::iter([Ok(Bytes::from(format!("{note:#}\n")))]).boxed()
}
