//! `POST /v1/files`: a form whose parts come in any order, its file streamed to where it stays.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, StatusCode};
use offpeak_core::batch::InputRule;
use offpeak_core::file::{EXPIRY_S, File, Purpose};
use offpeak_core::flows::files::{NewFile, ReceiveError, Receiving, receive_as};

use super::form::{Form, Part};
use super::paced::Paced;
use super::view::FileView;
use super::{failed, not_jsonl};
use crate::caller::{Caller, authenticate};
use crate::error::ApiError;
use crate::fields::{missing, short, unknown, unsupported, within, wrong_type};
use crate::gateway::Gateway;

/// How the name of a batch's input ends.
const JSONL: &str = ".jsonl";

/// The longest name of a file, characters.
const LONGEST_NAME: usize = 512;

/// What a form is besides its file, bytes.
const FRAME: u64 = 64 << 10;

/// `POST /v1/files`.
pub(crate) async fn create(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = Paced::new(body);
    let made = match read(&gateway, &parts.headers, &mut body).await {
        Ok(file) => Json(FileView::from(file)).into_response(),
        Err(error) => error.into_response(),
    };
    settle(made, &parts.headers, body).await
}

/// Gives an answer. A client that still sends does not hear a refusal: what it sends is read first, unless it asked
/// whether it should send at all, or nobody knows it.
pub(crate) async fn settle(made: Response, headers: &HeaderMap, body: Paced) -> Response {
    let is_stranger = matches!(made.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    if !made.status().is_success() && !is_stranger && !headers.contains_key(EXPECT) {
        body.drain().await;
    }
    made
}

async fn read(gateway: &Gateway, headers: &HeaderMap, body: &mut Paced) -> Result<File, ApiError> {
    let caller = authenticate(gateway, headers).await?;
    let most = gateway.rules.max_file_bytes;
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|declared| declared > most + FRAME) {
        return Err(failed(ReceiveError::TooLarge { most }));
    }
    let mut form = Form::open(headers, body)?;
    let mut said = Said::default();
    while let Some(part) = form.next().await? {
        Box::pin(said.hear(gateway, part)).await?;
    }
    said.finish(gateway, &caller).await
}

/// What the parts of a form have said so far.
#[derive(Default)]
struct Said<'a> {
    purpose: Option<Purpose>,
    anchor: Option<String>,
    seconds: Option<u64>,
    file: Option<(Receiving<'a>, String)>,
}

impl<'a> Said<'a> {
    async fn hear(&mut self, gateway: &'a Gateway, part: Part<'_>) -> Result<(), ApiError> {
        match part.name() {
            "file" => self.store(gateway, part).await?,
            "purpose" => self.purpose = Some(purpose(&part.text().await?)?),
            "expires_after[anchor]" => self.anchor = Some(part.text().await?),
            "expires_after[seconds]" => {
                let text = part.text().await?;
                let seconds = text.parse().map_err(|_| wrong_type("expires_after.seconds", "an integer", "\"\""))?;
                self.seconds = Some(seconds);
            }
            name => return Err(unknown(name)),
        }
        Ok(())
    }

    async fn store(&mut self, gateway: &'a Gateway, mut part: Part<'_>) -> Result<(), ApiError> {
        if self.file.is_some() {
            let message = "The form has two parts named 'file'; store one file with each call.";
            return Err(ApiError::bad_request("invalid_value", Some("file"), message));
        }
        let name = part.filename().ok_or_else(|| wrong_type("file", "a file", "\"\""))?.to_owned();
        if let Some(purpose) = self.purpose {
            filename(purpose, &name)?;
        }
        let expires = self.seconds.is_some() || self.purpose.is_none_or(|purpose| purpose == Purpose::Batch);
        let mut receiving = receive_as(&gateway.ports, most(gateway, self.purpose), expires).await?;
        while let Some(piece) = part.piece().await? {
            receiving.write(piece).await.map_err(failed)?;
        }
        self.file = Some((receiving, name));
        Ok(())
    }

    async fn finish(self, gateway: &Gateway, caller: &Caller) -> Result<File, ApiError> {
        let (receiving, name) = self.file.ok_or_else(|| missing("file"))?;
        let purpose = self.purpose.ok_or_else(|| missing("purpose"))?;
        filename(purpose, &name)?;
        let most = most(gateway, Some(purpose));
        if receiving.bytes() > most {
            return Err(failed(ReceiveError::TooLarge { most }));
        }
        let expires_after_ms = expiry(self.anchor.as_deref(), self.seconds)?;
        let new = NewFile { tenant: caller.tenant.clone(), purpose, filename: name, expires_after_ms, id: None };
        receiving.finish(new).await.map_err(failed)
    }
}

/// How large a file may be.
fn most(gateway: &Gateway, purpose: Option<Purpose>) -> u64 {
    let most = gateway.rules.max_file_bytes;
    match (purpose, gateway.rules.batches.input) {
        (Some(Purpose::Batch), InputRule::Strict) => most.min(STRICT_BYTES),
        (Some(_) | None, InputRule::Strict | InputRule::Split) => most,
    }
}

/// The largest input of a batch at OpenAI (its Batch guide, read 2026-11-20).
pub(crate) const STRICT_BYTES: u64 = 200_000_000;

/// A purpose for which callers may store files.
pub(crate) fn purpose(name: &str) -> Result<Purpose, ApiError> {
    let callers = || Purpose::ALL.into_iter().filter(|purpose| purpose.is_for_callers());
    let found = callers().find(|purpose| purpose.name() == name);
    found.ok_or_else(|| unsupported("purpose", name, callers().map(Purpose::name)))
}

/// Refuses a name that a file for this purpose may not have.
pub(crate) fn filename(purpose: Purpose, name: &str) -> Result<(), ApiError> {
    short("filename", name, LONGEST_NAME)?;
    if purpose == Purpose::Batch && !name.ends_with(JSONL) { Err(not_jsonl()) } else { Ok(()) }
}

/// After how many milliseconds a file expires, if its caller says so.
pub(crate) fn expiry(anchor: Option<&str>, seconds: Option<u64>) -> Result<Option<u64>, ApiError> {
    let seconds = match (anchor, seconds) {
        (None, None) => return Ok(None),
        (Some("created_at"), Some(seconds)) => seconds,
        (Some("created_at"), None) => return Err(missing("expires_after.seconds")),
        (Some(anchor), _) => return Err(unsupported("expires_after.anchor", anchor, ["created_at"])),
        (None, Some(_)) => return Err(missing("expires_after.anchor")),
    };
    within("expires_after.seconds", seconds, &EXPIRY_S).map(|seconds| Some(seconds * 1_000))
}
