//! An input on its way to the server: in one call, or in parts where one call cannot carry it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, RequestBuilder};
use serde::de::DeserializeOwned;

use super::client::Client;
use super::failure::Failure;
use super::input::Input;
use super::source::Source;
use super::upload_parts;
use super::wire::File;

/// What one call may carry (OpenAI's description of its API, read 2026-11-20).
const ONE_CALL: u64 = 512_000_000;

/// The parts of what is larger: the largest there may be (the same source).
const LARGEST_PART: u64 = 64 << 20;

/// The parts for a server that does not take in one call what it should: a gateway on AWS takes 4 MiB and a little.
const SMALL_PART: u64 = 4 << 20;

/// An upload may take this, and a second more for each of so many bytes.
const AT_LEAST: Duration = Duration::from_mins(15);
const BYTES_A_SECOND: u64 = 64 << 10;

/// Stores the input for a batch; the id of the file. `part_bytes` is how large the parts are that it is to come in, if
/// it is larger.
///
/// # Errors
/// The server refuses it, does not answer, or the input cannot be read or is another by now.
pub(super) async fn upload(client: &Client, input: &Input, part_bytes: Option<u64>) -> anyhow::Result<String> {
    let file = match part_bytes {
        Some(most) if input.bytes > most => upload_parts::upload(client, input, most.min(LARGEST_PART)).await?,
        None if input.bytes > ONE_CALL => upload_parts::upload(client, input, LARGEST_PART).await?,
        Some(_) | None => match whole(client, input).await {
            Err(failure) if failure.status() == Some(413) && part_bytes.is_none() && input.bytes > SMALL_PART => {
                client.progress.say(format_args!("one call cannot carry {}; it goes in parts", input.name));
                upload_parts::upload(client, input, SMALL_PART).await?
            }
            file => file.with_context(|| format!("could not store {}", input.path.display()))?,
        },
    };
    client.progress.clear();
    let now = Input::read(&input.path)?;
    if now.sha256 != input.sha256 {
        // What was stored is nobody's; where it cannot be deleted now, it expires.
        let _ = client.send(client.delete(&["files", &file.id])).await;
        bail!("{} was changed while it was sent; nothing was run", input.path.display());
    }
    Ok(file.id)
}

async fn whole(client: &Client, input: &Input) -> Result<File, Failure> {
    client
        .patiently("storing the input", async || {
            let form = Form::new().text("purpose", "batch");
            let piece = Piece { input, from: 0, bytes: input.bytes, field: "file", name: &input.name };
            piece.send(client, client.post(&["files"]), form).await
        })
        .await
}

/// A piece of an input that goes with one call.
pub(super) struct Piece<'a> {
    pub(super) input: &'a Input,
    pub(super) from: u64,
    pub(super) bytes: u64,
    /// What it is called in the form.
    pub(super) field: &'static str,
    /// The file's name in the form.
    pub(super) name: &'a str,
}

impl Piece<'_> {
    /// Sends it once, as the last part of a form.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        client: &Client,
        request: RequestBuilder,
        form: Form,
    ) -> Result<T, Failure> {
        let spoilt = Arc::new(AtomicBool::new(false));
        let sent = client.progress.sending(&self.input.name, self.from, self.input.bytes);
        let range = self.from..self.from + self.bytes;
        let source = Source::open(&self.input.path, range, Arc::clone(&spoilt), sent).await;
        let pieces = source.map_err(|_| Failure::Source)?.pieces();
        let part = Part::stream_with_length(Body::wrap_stream(pieces), self.bytes).file_name(self.name.to_owned());
        let part = part.mime_str("application/jsonl").map_err(Failure::of)?;
        let timeout = AT_LEAST + Duration::from_secs(self.bytes / BYTES_A_SECOND);
        let sent = client.json(request.timeout(timeout).multipart(form.part(self.field, part))).await;
        if sent.is_err() && spoilt.load(Ordering::Relaxed) { Err(Failure::Source) } else { sent }
    }
}
