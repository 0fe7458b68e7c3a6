//! `GET /v1/files/{id}/content`: the bytes of a file, or of a range of it (RFC 9110, section 14).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, IF_RANGE,
    LOCATION, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, StatusCode};
use offpeak_core::file::File;
use offpeak_core::flows::files;
use offpeak_core::ports::{ByteStream, Share, StoreError};

use super::{missing, own};
use crate::error::ApiError;
use crate::extract::Path;
use crate::gateway::Gateway;

/// `GET /v1/files/{id}/content`.
pub(crate) async fn content(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = own(&gateway, &headers, &id).await?;
    let given = match &gateway.abilities.share {
        Some(share) => shared(share.as_ref(), &file).await,
        // A range is of a GET only.
        None => streamed(&gateway, &file, &headers, method == Method::GET).await,
    };
    // Without content it is being deleted.
    given.map_err(|error| if matches!(error, StoreError::NotFound) { missing(&id) } else { error.into() })
}

/// How content is called: it is whatever its caller stored.
const TYPE: &str = "application/octet-stream";

/// 302 to the object itself, for who has the URL, which is good for a short time.
async fn shared(share: &dyn Share, file: &File) -> Result<Response, StoreError> {
    let url = share.link(&file.object, &file.filename, TYPE).await?;
    let location =
        HeaderValue::try_from(url).map_err(|_| StoreError::Corrupt("a shared object's URL is none".to_owned()))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

async fn streamed(
    gateway: &Gateway,
    file: &File,
    headers: &HeaderMap,
    in_ranges: bool,
) -> Result<Response, StoreError> {
    let tag = format!("\"{}\"", file.id);
    let same = headers.get(IF_RANGE).is_none_or(|known| known.as_bytes() == tag.as_bytes());
    let range = headers.get(RANGE).filter(|_| in_ranges && same).and_then(|range| range.to_str().ok());
    let (status, from, to) = match range.map_or(Asked::All, |range| asked(range, file.bytes)) {
        Asked::All => (StatusCode::OK, 0, file.bytes),
        Asked::Bytes(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Asked::Beyond => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    let body = match status {
        StatusCode::OK => Body::from_stream(files::content(&gateway.ports, file).await?),
        StatusCode::PARTIAL_CONTENT => Body::from_stream(begun(files::part(&gateway.ports, file, from, to)).await?),
        _ => Body::empty(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let given = response.headers_mut();
    given.insert(CONTENT_TYPE, HeaderValue::from_static(TYPE));
    given.insert(CONTENT_LENGTH, HeaderValue::from(to - from));
    given.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    given.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let range = match status {
        StatusCode::PARTIAL_CONTENT => Some(format!("bytes {from}-{}/{}", to - 1, file.bytes)),
        StatusCode::RANGE_NOT_SATISFIABLE => Some(format!("bytes */{}", file.bytes)),
        _ => None,
    };
    let texts = [(CONTENT_RANGE, range), (ETAG, Some(tag)), (CONTENT_DISPOSITION, Some(disposition(&file.filename)))];
    for (name, text) in texts {
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            given.insert(name, value);
        }
    }
    Ok(response)
}

/// The same pieces, of which the first can be read: before it is said that there is one.
async fn begun(mut pieces: ByteStream) -> Result<ByteStream, StoreError> {
    let first = pieces.next().await.transpose()?;
    Ok(stream::iter(first.map(Ok)).chain(pieces).boxed())
}

/// A name as every client reads it, and, where that is not the whole of it, as RFC 8187 spells it.
fn disposition(filename: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "._- ".contains(letter) { letter } else { '_' };
    let plain: String = filename.chars().map(plain).collect();
    if plain == filename {
        return format!("attachment; filename=\"{plain}\"");
    }
    let letters = filename.chars().map(|letter| if letter.is_control() { '_' } else { letter }).collect::<String>();
    let spelled: String = letters.bytes().map(spelled).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{spelled}")
}

fn spelled(byte: u8) -> String {
    let as_is = byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
    if as_is { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// What a `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Everything: also where it asks for several ranges, or for what is none, as the RFC allows.
    All,
    /// From this byte up to, and without, that one.
    Bytes(u64, u64),
    /// Nothing of what there is.
    Beyond,
}

fn asked(range: &str, bytes: u64) -> Asked {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Asked::All;
    };
    let (from, to) = match (position(first), position(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1)),
        (Some(first), None) if last.is_empty() => (first, bytes),
        (None, Some(0)) if first.is_empty() => return Asked::Beyond,
        (None, Some(last)) if first.is_empty() => (bytes.saturating_sub(last), bytes),
        _ => return Asked::All,
    };
    if from >= bytes { Asked::Beyond } else { Asked::Bytes(from, to.min(bytes)) }
}

/// Digits, and nothing but them. What is too large for a number is beyond every file.
fn position(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        for (range, want) in [
            ("bytes=0-0", Asked::Bytes(0, 1)),
            ("bytes=2-", Asked::Bytes(2, 10)),
            ("bytes=2-99", Asked::Bytes(2, 10)),
            ("bytes=-3", Asked::Bytes(7, 10)),
            ("bytes=-99", Asked::Bytes(0, 10)),
            ("bytes=0-18446744073709551615", Asked::Bytes(0, 10)),
            ("bytes=10-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=3-2", Asked::All),
            ("bytes=0-1,3-4", Asked::All),
            ("bytes=-", Asked::All),
            ("bytes=a-b", Asked::All),
            ("bytes=+1-2", Asked::All),
            ("bytes=1-+2", Asked::All),
            ("bytes=-+2", Asked::All),
            ("bytes=1- 2", Asked::All),
            ("bytes=2-99999999999999999999", Asked::Bytes(2, 10)),
            ("bytes=99999999999999999999-", Asked::Beyond),
            ("bytes=-99999999999999999999", Asked::Bytes(0, 10)),
            ("lines=1-2", Asked::All),
        ] {
            assert_eq!(asked(range, 10), want, "{range}");
        }
        assert_eq!(asked("bytes=0-", 0), Asked::Beyond);
    }

    #[test]
    fn a_name_breaks_no_header() {
        assert_eq!(disposition("a b-1_2.jsonl"), "attachment; filename=\"a b-1_2.jsonl\"");
        let odd = "attachment; filename=\"a b___x_ _.jsonl\"; filename*=UTF-8''a%20b%22__x%3A%20%C3%BC.jsonl";
        assert_eq!(disposition("a b\"\r\nx: ü.jsonl"), odd);
    }
}
