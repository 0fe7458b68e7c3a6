//! A multipart form, part by part: no part of it is held in memory.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use multer::{Field, Multipart};

use super::paced::{Paced, Room, Stop};
use crate::error::ApiError;

/// Parts of one form.
const MAX_PARTS: usize = 20;

/// The longest text of a part that is no file, bytes.
const LONGEST_TEXT: usize = 1_024;

/// A form that is being read.
pub(crate) struct Form<'b> {
    parts: Multipart<'b>,
    room: Room,
    left: usize,
}

/// One part of a form.
pub(crate) struct Part<'b> {
    field: Field<'b>,
    room: Room,
}

impl<'b> Form<'b> {
    /// Begins to read a body with these headers.
    pub(crate) fn open(headers: &HeaderMap, body: &'b mut Paced) -> Result<Self, ApiError> {
        let unsupported =
            |message| ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message);
        if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(unsupported("A Content-Encoding is not supported here; send the body as it is."));
        }
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let boundary = multer::parse_boundary(kind)
            .map_err(|_| unsupported("The Content-Type must be multipart/form-data with a boundary."))?;
        let room = body.room();
        Ok(Self { parts: Multipart::new(body, boundary), room, left: MAX_PARTS })
    }

    /// The next part. The part before must have been read or dropped.
    pub(crate) async fn next(&mut self) -> Result<Option<Part<'b>>, ApiError> {
        self.room.renew();
        let Some(field) = self.parts.next_field().await.map_err(|error| refused(&error))? else { return Ok(None) };
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            ApiError::bad_request("invalid_multipart", None, format!("The form has more than {MAX_PARTS} parts."))
        })?;
        Ok(Some(Part { field, room: self.room.clone() }))
    }
}

impl Part<'_> {
    pub(crate) fn name(&self) -> &str {
        self.field.name().unwrap_or("")
    }

    /// The name of the file that it is; none if it is a field.
    pub(crate) fn filename(&self) -> Option<&str> {
        self.field.file_name().filter(|name| !name.is_empty())
    }

    /// The next bytes of it.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, ApiError> {
        self.room.renew();
        self.field.chunk().await.map_err(|error| refused(&error))
    }

    /// The text of a field.
    pub(crate) async fn text(mut self) -> Result<String, ApiError> {
        let refuse = |name: &str| {
            let message = format!("Invalid '{name}': expected a text of at most {LONGEST_TEXT} bytes.");
            ApiError::bad_request("invalid_value", None, message).at(name.to_owned())
        };
        let mut text = Vec::new();
        while let Some(piece) = self.piece().await? {
            text.extend_from_slice(&piece);
            if text.len() > LONGEST_TEXT {
                return Err(refuse(self.name()));
            }
        }
        String::from_utf8(text).map_err(|_| refuse(self.name()))
    }
}

fn refused(error: &multer::Error) -> ApiError {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Stop>());
    match source {
        Some(Stop::Silent) => {
            let message = "The request body stopped coming.";
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message).retry_after(1)
        }
        Some(Stop::Slow) => {
            let message = "The request body came too slowly.";
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message).retry_after(1)
        }
        Some(Stop::Broken) => ApiError::bad_request("incomplete_body", None, "The request body ended early."),
        Some(Stop::Full) => invalid("the boundary, or the end of a part's head, does not come"),
        None => invalid(kind(error)),
    }
}

/// What is wrong with a form, in words of ours: its reader's may repeat what it read.
fn kind(error: &multer::Error) -> &'static str {
    use multer::Error::{
        DecodeHeaderName, DecodeHeaderValue, IncompleteFieldData, IncompleteHeaders, IncompleteStream, ReadHeaderFailed,
    };
    if matches!(error, IncompleteStream | IncompleteFieldData { .. }) {
        "it ends before its last boundary"
    } else if matches!(
        error,
        IncompleteHeaders | ReadHeaderFailed(_) | DecodeHeaderName { .. } | DecodeHeaderValue { .. }
    ) {
        "the head of a part cannot be read"
    } else {
        "it cannot be read"
    }
}

fn invalid(why: &str) -> ApiError {
    ApiError::bad_request("invalid_multipart", None, format!("The body is not valid multipart/form-data: {why}."))
}
