//! `/v1/uploads`: a file in parts, where one call cannot carry all of it.

use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use offpeak_core::batch::InputRule;
use offpeak_core::file::{File, Purpose, Upload};
use offpeak_core::flows::files::NewFile;
use offpeak_core::flows::uploads::{self, IncomingPart, MAX_BYTES, UploadError};
use offpeak_core::ids::{PartId, UploadId};
use offpeak_core::ports::StoreError;
use serde::Serialize;

use crate::caller::authenticate;
use crate::error::ApiError;
use crate::extract::Path;
use crate::fields::{Fields, missing, short, unknown, within, wrong_type};
use crate::files::{self, FileView, Form, Paced};
use crate::gateway::Gateway;
use crate::intake;

/// The longest type that a caller may name, characters.
const LONGEST_TYPE: usize = 255;

/// The longest list of parts, bytes of JSON: all that there may be, and room for spaces.
const LONGEST_ORDER: usize = uploads::MAX_PARTS * 64;

/// OpenAI's `Upload`.
#[derive(Serialize)]
pub(crate) struct UploadView {
    id: String,
    object: &'static str,
    bytes: u64,
    created_at: u64,
    expires_at: u64,
    filename: String,
    purpose: &'static str,
    status: &'static str,
    file: Option<FileView>,
}

impl UploadView {
    fn new(gateway: &Gateway, upload: Upload, file: Option<File>) -> Self {
        Self {
            id: upload.id.text(),
            object: "upload",
            bytes: upload.bytes,
            created_at: upload.created_ms / 1_000,
            expires_at: upload.expires_ms / 1_000,
            purpose: upload.purpose.name(),
            status: uploads::status(&upload, gateway.ports.clock.now_ms()),
            filename: upload.filename,
            file: file.map(FileView::from),
        }
    }
}

/// OpenAI's `UploadPart`.
#[derive(Serialize)]
pub(crate) struct PartView {
    id: String,
    object: &'static str,
    created_at: u64,
    upload_id: String,
}

/// `POST /v1/uploads`.
pub(crate) async fn create(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Result<Json<UploadView>, ApiError> {
    let (parts, body) = request.into_parts();
    let caller = authenticate(&gateway, &parts.headers).await?;
    let (body, _buffered) = intake::read(&gateway, parts, body).await?;
    let mut fields = Fields::of(&body)?;
    let filename = fields.text("filename")?;
    let purpose = files::purpose(&fields.text("purpose")?)?;
    files::filename(purpose, &filename)?;
    let bytes = within("bytes", fields.needed("bytes", "an integer")?, &(1..=most(&gateway, purpose)))?;
    let mime_type = fields.text("mime_type")?;
    short("mime_type", &mime_type, LONGEST_TYPE)?;
    let expires_after_ms = fields.object("expires_after")?.map(expires_after).transpose()?.flatten();
    fields.finish()?;
    let new = NewFile { tenant: caller.tenant, purpose, filename, expires_after_ms, id: None };
    let upload = uploads::create(&gateway.ports, new, mime_type, bytes).await?;
    Ok(Json(UploadView::new(&gateway, upload, None)))
}

/// How large a file may be that comes in parts.
fn most(gateway: &Gateway, purpose: Purpose) -> u64 {
    match (purpose, gateway.rules.batches.input) {
        (Purpose::Batch, InputRule::Strict) => files::STRICT_BYTES,
        (_, InputRule::Strict | InputRule::Split) => MAX_BYTES,
    }
}

/// What `expires_after` says.
fn expires_after(mut said: Fields) -> Result<Option<u64>, ApiError> {
    let anchor = said.text("anchor")?;
    let seconds = said.needed("seconds", "an integer")?;
    said.finish()?;
    files::expiry(Some(&anchor), Some(seconds))
}

/// `POST /v1/uploads/{id}/parts`.
pub(crate) async fn part(State(gateway): State<Arc<Gateway>>, Path(id): Path, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = Paced::new(body);
    let made = match Box::pin(receive(&gateway, &parts.headers, &id, &mut body)).await {
        Ok(part) => {
            let created_at = gateway.ports.clock.now_ms() / 1_000;
            let view = PartView { id: part.text(), object: "upload.part", created_at, upload_id: id };
            Json(view).into_response()
        }
        Err(error) => error.into_response(),
    };
    files::settle(made, &parts.headers, body).await
}

async fn receive(gateway: &Gateway, headers: &HeaderMap, id: &str, body: &mut Paced) -> Result<PartId, ApiError> {
    let caller = authenticate(gateway, headers).await?;
    let upload = parsed(id)?;
    let failed = |error| failed(id, error);
    let mut form = Form::open(headers, body)?;
    let mut made = None;
    while let Some(mut part) = form.next().await? {
        if part.name() != "data" {
            return Err(unknown(part.name()));
        }
        if made.is_some() {
            let message = "The form has two parts named 'data'; send one with each call.";
            return Err(ApiError::bad_request("invalid_value", Some("data"), message));
        }
        let mut incoming = IncomingPart::begin(&gateway.ports, &caller.tenant, upload).await.map_err(failed)?;
        while let Some(piece) = part.piece().await? {
            incoming.write(piece).await.map_err(failed)?;
        }
        made = Some(incoming);
    }
    made.ok_or_else(|| missing("data"))?.finish(&gateway.ports).await.map_err(failed)
}

/// `POST /v1/uploads/{id}/complete`.
pub(crate) async fn complete(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    request: Request,
) -> Result<Json<UploadView>, ApiError> {
    let (parts, body) = request.into_parts();
    let caller = authenticate(&gateway, &parts.headers).await?;
    let (body, _buffered) = intake::read(&gateway, parts, body).await?;
    let upload = parsed(&id)?;
    let mut fields = Fields::of(&body)?;
    let order = order(&mut fields)?;
    let md5: Option<String> = fields.take("md5", "a string")?;
    fields.finish()?;
    if md5.as_ref().is_some_and(|md5| md5.len() != 32 || !md5.bytes().all(|digit| digit.is_ascii_hexdigit())) {
        return Err(wrong_sum("'md5' must be 32 hexadecimal digits."));
    }
    let done = uploads::complete(&gateway.ports, &caller.tenant, upload, &order, md5.as_deref());
    let (upload, file) = Box::pin(done).await.map_err(|error| failed(&id, error))?;
    Ok(Json(UploadView::new(&gateway, upload, Some(file))))
}

/// The parts that a completion names. Its text is measured first: each name takes many times its bytes in memory.
fn order(fields: &mut Fields) -> Result<Vec<String>, ApiError> {
    const EXPECTED: &str = "an array of strings, as many as an upload may have parts";
    let raw = fields.raw("part_ids").ok_or_else(|| missing("part_ids"))?;
    let order = if raw.get().len() > LONGEST_ORDER { None } else { serde_json::from_str(raw.get()).ok() };
    order.ok_or_else(|| wrong_type("part_ids", EXPECTED, raw.get()))
}

/// `POST /v1/uploads/{id}/cancel`.
pub(crate) async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    headers: HeaderMap,
) -> Result<Json<UploadView>, ApiError> {
    let caller = authenticate(&gateway, &headers).await?;
    let upload = uploads::cancel(&gateway.ports, &caller.tenant, parsed(&id)?).await;
    Ok(Json(UploadView::new(&gateway, upload.map_err(|error| failed(&id, error))?, None)))
}

fn parsed(id: &str) -> Result<UploadId, ApiError> {
    UploadId::from_str(id).map_err(|_| no_such(id))
}

/// What is not there, and what is another tenant's.
fn no_such(id: &str) -> ApiError {
    let id: String = id.chars().take(100).collect();
    ApiError::no_such(format!("No such Upload object: {id}")).at("id")
}

fn wrong_sum(message: &str) -> ApiError {
    ApiError::bad_request("invalid_value", Some("md5"), message)
}

fn failed(id: &str, error: UploadError) -> ApiError {
    let invalid = |param, message| ApiError::bad_request("invalid_value", Some(param), message);
    match error {
        UploadError::NotFound => no_such(id),
        UploadError::Ended(status) => {
            let message = format!("The upload has the status '{status}'; only one that is 'pending' goes on.");
            ApiError::bad_request("invalid_upload_status", Some("id"), message)
        }
        UploadError::PartTooLarge(most) => {
            let message = format!("The part is larger than {most} bytes.");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "part_too_large", message).at("data")
        }
        UploadError::TooManyParts(most) => {
            invalid("data", format!("The upload has {most} parts, the most there may be."))
        }
        UploadError::WrongPart(part) => {
            let part: String = part.chars().take(100).collect();
            invalid("part_ids", format!("'{part}' is no part of the upload, or is named twice."))
        }
        UploadError::WrongBytes { declared, found } => {
            let message = format!("The parts have {found} bytes together; the upload was created for {declared}.");
            invalid("part_ids", message)
        }
        UploadError::WrongSum => wrong_sum("The content's MD5 sum is another than 'md5' says."),
        UploadError::NotJsonl => files::not_jsonl(),
        UploadError::Store(error) => error.into(),
        error => {
            let message = error.to_string();
            ApiError::from(StoreError::Corrupt(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_sent_in_parts_that_fit_a_lambda() {
        // What a function takes at once is 6 MB in base64 (docs/deploy.md): parts of 4 MiB must suffice for 8 GB.
        assert!(uploads::MAX_PARTS as u64 * (4 << 20) >= MAX_BYTES);
    }
}
