//! An object in pieces as they come, whole or from some byte on. Where the connection breaks, the rest is asked for: of the same object only.

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_smithy_types::byte_stream::ByteStream as Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{ByteStream, StoreError};

use super::{Objects, read_error};
use crate::backoff::{Backoff, patiently};
use crate::failure;

/// How often one stream may break off.
const BREAKS: u32 = 30;

/// How far a stream is.
struct Pieces {
    objects: Objects,
    name: ObjectName,
    tag: Option<String>,
    length: u64,
    offset: u64,
    /// `None` once it broke.
    body: Option<Body>,
    /// Since it broke; `None` once a piece has come again.
    breaks: Option<Backoff>,
    /// Never set back: an object comes with few breaks or not at all.
    left: u32,
}

/// What is wanted of an object.
pub(super) struct Wanted {
    /// The tag that it must have, if any.
    pub(super) tag: Option<String>,
    /// The first byte.
    pub(super) offset: u64,
}

/// The object's length and its pieces from the wanted byte on. One with another tag than is wanted is not found.
pub(super) async fn begin(objects: Objects, name: ObjectName, wanted: Wanted) -> Result<(u64, ByteStream), StoreError> {
    let Wanted { tag, offset } = wanted;
    let range = (offset > 0).then(|| format!("bytes={}-", offset.min(i64::MAX.cast_unsigned())));
    let call = objects.client.get_object().bucket(&objects.bucket).key(name.as_str());
    let call = call.set_range(range).set_if_match(tag);
    let got = match patiently(|| call.clone().send()).await {
        Ok(got) => got,
        Err(error) => match failure::status(&error) {
            // It has not so many bytes.
            Some(416) if offset > 0 => return Ok((0, stream::empty().boxed())),
            Some(412) => return Err(StoreError::NotFound),
            _ => return Err(read_error("GetObject", &error)),
        },
    };
    let Some(rest) = got.content_length().and_then(|length| u64::try_from(length).ok()) else {
        return Err(StoreError::Unavailable("GetObject: no length".to_owned()));
    };
    let length = offset.saturating_add(rest);
    let GetObjectOutput { body, e_tag: tag, .. } = got;
    let pieces = Pieces { objects, name, tag, length, offset, body: Some(body), breaks: None, left: BREAKS };
    let pieces =
        stream::try_unfold(pieces, |mut pieces| async move { Ok(pieces.next().await?.map(|bytes| (bytes, pieces))) });
    Ok((length, pieces.boxed()))
}

impl Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        while self.offset < self.length {
            let Some(body) = &mut self.body else {
                self.resume().await?;
                continue;
            };
            match body.next().await {
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) => {
                    self.offset += bytes.len() as u64;
                    self.breaks = None;
                    return Ok(Some(bytes));
                }
                Some(Err(_)) | None => self.body = None,
            }
        }
        if self.offset > self.length {
            return Err(StoreError::Unavailable("GetObject: more bytes than it said".to_owned()));
        }
        Ok(None)
    }

    async fn resume(&mut self) -> Result<(), StoreError> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 || !self.breaks.get_or_insert_default().again().await {
            return Err(StoreError::Unavailable("GetObject: the answer breaks off each time".to_owned()));
        }
        tracing::debug!(offset = self.offset, length = self.length, "a stream of an object broke off, and is resumed");
        let call = self.objects.client.get_object().bucket(&self.objects.bucket).key(self.name.as_str());
        let call = call.range(format!("bytes={}-", self.offset)).set_if_match(self.tag.clone());
        let got = patiently(|| call.clone().send()).await.map_err(|error| match failure::status(&error) {
            Some(412) => StoreError::Unavailable("GetObject: replaced while it was read".to_owned()),
            _ => read_error("GetObject", &error),
        })?;
        self.body = Some(got.body);
        Ok(())
    }
}
