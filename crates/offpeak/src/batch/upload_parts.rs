//! An input in parts, one after another, through `/v1/uploads`.

use anyhow::Context as _;
use reqwest::multipart::Form;
use serde_json::json;

use super::client::Client;
use super::failure::Failure;
use super::input::Input;
use super::upload::Piece;
use super::wire::{File, Upload};

/// Stores the input in parts of so many bytes.
///
/// # Errors
/// As [`super::upload::upload`].
pub(super) async fn upload(client: &Client, input: &Input, part_bytes: u64) -> anyhow::Result<File> {
    let what = || format!("could not store {} in parts", input.path.display());
    let upload = begin(client, input).await.with_context(what)?;
    match send(client, input, &upload.id, part_bytes).await {
        Ok(file) => Ok(file),
        Err(failure) => {
            // It expires within the hour where it cannot be cancelled.
            let _ = client.send(client.post(&["uploads", &upload.id, "cancel"])).await;
            Err(failure).with_context(what)
        }
    }
}

async fn begin(client: &Client, input: &Input) -> Result<Upload, Failure> {
    let asked = json!({
        "filename": input.name,
        "purpose": "batch",
        "bytes": input.bytes,
        "mime_type": "application/jsonl",
    });
    client.patiently("beginning an upload", async || client.json(client.post(&["uploads"]).json(&asked)).await).await
}

/// Sends every part and has them put together. A part that came twice is named once.
async fn send(client: &Client, input: &Input, upload: &str, part_bytes: u64) -> Result<File, Failure> {
    let mut parts = Vec::new();
    for (from, bytes) in cut(input.bytes, part_bytes) {
        let piece = Piece { input, from, bytes, field: "data", name: &input.name };
        let part: Upload = client
            .patiently("storing a part of the input", async || {
                piece.send(client, client.post(&["uploads", upload, "parts"]), Form::new()).await
            })
            .await?;
        parts.push(part.id);
    }
    let order = json!({ "part_ids": parts });
    let complete = || client.post(&["uploads", upload, "complete"]).json(&order);
    let done: Upload = client.patiently("completing an upload", async || client.json(complete()).await).await?;
    done.file.ok_or_else(|| Failure::Unreadable("a completed upload without a file".to_owned()))
}

/// Where each part begins, and its bytes.
fn cut(bytes: u64, part_bytes: u64) -> impl Iterator<Item = (u64, u64)> {
    let part_bytes = part_bytes.max(1);
    (0..bytes.div_ceil(part_bytes)).map(move |number| {
        let from = number * part_bytes;
        (from, part_bytes.min(bytes - from))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_all_of_it() {
        assert_eq!(cut(10, 4).collect::<Vec<_>>(), [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(cut(8, 4).collect::<Vec<_>>(), [(0, 4), (4, 4)]);
        assert_eq!(cut(3, 4).collect::<Vec<_>>(), [(0, 3)]);
    }
}
