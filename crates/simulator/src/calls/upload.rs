//! `POST /v1/files`: an upload as a multipart form.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use serde::de::IgnoredAny;

use crate::refusal::Refusal;
use crate::server::CutConnection;
use crate::world::{BATCH_FILE_LIFETIME_S, NewFile, World};
use crate::{Options, Simulator};

/// What a file may be uploaded for.
const PURPOSES: [&str; 6] = ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"];

/// The parts of the form, in whatever order they came.
#[derive(Default)]
struct Form {
    file: Option<(String, Bytes)>,
    purpose: Option<String>,
    lifetime: Option<String>,
}

/// `POST /v1/files`
pub(crate) async fn upload(
    State(sim): State<Arc<Simulator>>,
    headers: HeaderMap,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<Response, Refusal> {
    let world = sim.world();
    let parts = parts.map_err(|_| Refusal::invalid("The request must be multipart/form-data."))?;
    let cut = world.due(|faults| &mut faults.upload_cut);
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let room = length.unwrap_or(0).min(sim.options().max_file_bytes);
    let Some(form) = read(parts, room, cut).await.map_err(|error| unreadable(&error))? else {
        return Ok(CutConnection.into_response());
    };
    if world.due(|faults| &mut faults.upload_fail) {
        return Err(Refusal::server_error());
    }
    let file = check(form, sim.options())?;
    Ok(store(&world, file))
}

fn store(world: &World, file: NewFile) -> Response {
    let file = world.keep(file);
    let mut counts = world.counts.lock();
    counts.files_uploaded += 1;
    counts.bytes_in += file.object.bytes;
    Json(&file.object).into_response()
}

/// Reads the form; `None` if it is to be cut off at the file.
async fn read(mut parts: Multipart, room: usize, cut: bool) -> Result<Option<Form>, MultipartError> {
    let mut form = Form::default();
    while let Some(mut part) = parts.next_field().await? {
        match part.name() {
            Some("file") => {
                let name = part.file_name().unwrap_or_default().to_owned();
                if cut {
                    part.chunk().await?;
                    return Ok(None);
                }
                form.file = Some((name, content(part, room).await?));
            }
            Some("purpose") => form.purpose = Some(part.text().await?),
            Some("expires_after[seconds]") => form.lifetime = Some(part.text().await?),
            _ => {
                part.bytes().await?;
            }
        }
    }
    Ok(Some(form))
}

async fn content(mut part: Field<'_>, room: usize) -> Result<Bytes, MultipartError> {
    let mut content = BytesMut::with_capacity(room);
    while let Some(chunk) = part.chunk().await? {
        content.extend_from_slice(&chunk);
    }
    Ok(content.freeze())
}

fn unreadable(error: &MultipartError) -> Refusal {
    let status = error.status().as_u16();
    Refusal::new(status, format!("The form could not be read: {}", error.body_text()))
}

fn check(form: Form, options: &Options) -> Result<NewFile, Refusal> {
    let (filename, content) = form.file.ok_or_else(|| Refusal::missing("file"))?;
    let purpose = form.purpose.ok_or_else(|| Refusal::missing("purpose"))?;
    if !PURPOSES.contains(&purpose.as_str()) {
        let message = format!("'{purpose}' is not one of {PURPOSES:?} - 'purpose'");
        return Err(Refusal::invalid(message).param("purpose"));
    }
    if purpose == "batch" {
        check_batch_input(&filename, &content, options.max_file_bytes)?;
    }
    let default = (purpose == "batch").then_some(BATCH_FILE_LIFETIME_S);
    Ok(NewFile { filename, purpose, content, lifetime_s: lifetime(form.lifetime.as_deref())?.or(default) })
}

/// What an upload for batches must fulfil; later lines are looked at only when a batch is created.
fn check_batch_input(filename: &str, content: &[u8], max_bytes: usize) -> Result<(), Refusal> {
    let first_line = content.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let readable = first_line.trim_ascii().is_empty() || serde_json::from_slice::<IgnoredAny>(first_line).is_ok();
    let jsonl = Path::new(filename).extension().is_some_and(|extension| extension == "jsonl");
    if !jsonl || content.is_empty() || !readable {
        return Err(Refusal::invalid("Invalid file format for Batch API. Must be .jsonl"));
    }
    if content.len() > max_bytes {
        let message = format!("File is too large for the Batch API. The limit is {max_bytes} bytes.");
        return Err(Refusal::new(413, message).param("file"));
    }
    Ok(())
}

fn lifetime(seconds: Option<&str>) -> Result<Option<u64>, Refusal> {
    let Some(seconds) = seconds else { return Ok(None) };
    let seconds = seconds.parse().ok().filter(|seconds| (3_600..=2_592_000).contains(seconds));
    let refusal = || {
        Refusal::invalid("Invalid 'expires_after.seconds': expected 3600 to 2592000.")
            .param("expires_after.seconds")
            .code("invalid_value")
    };
    seconds.map(Some).ok_or_else(refusal)
}
