//! Refusing: what lies in the inbox and cannot be an input is put into the outbox beside a note that says why.

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;

use crate::nightly::refusal_path;
use crate::ports::{Dropped, Ports, StoreError};

/// Moves it to the outbox, note first: nothing is lost, and an empty inbox still means that everything was taken.
pub(super) async fn refuse(ports: &Ports, dropped: &Dropped, why: &str) -> Result<(), StoreError> {
    let mut content = match ports.mailbox.read(dropped).await {
        Ok(content) => content,
        Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    let path = refusal_path(&dropped.path);
    let mut writer = ports.mailbox.give(&format!("{path}/input.jsonl")).await?;
    while let Some(piece) = content.next().await {
        writer.write(piece?).await?;
    }
    writer.finish().await?;
    let error = json!({"line": null, "code": "not_taken", "message": why, "param": null});
    let note = json!({"object": "batch.summary", "status": "refused", "path": dropped.path, "errors": [error]});
    let mut writer = ports.mailbox.give(&format!("{path}/summary.json")).await?;
    writer.write(Bytes::from(format!("{note:#}\n"))).await?;
    writer.finish().await?;
    tracing::warn!(path = ?dropped.path, why, "refused, and moved to the outbox");
    ports.mailbox.remove(dropped).await
}
