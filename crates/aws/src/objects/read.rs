//! Reading a part of an object.

use bytes::{Bytes, BytesMut};
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::StoreError;

use super::{Objects, read_error, short};
use crate::backoff::{Backoff, patiently};

impl Objects {
    /// The bytes `offset .. offset + length`.
    pub(super) async fn range(&self, name: &ObjectName, offset: u64, length: u64) -> Result<Bytes, StoreError> {
        let Some(last) = (offset.checked_add(length)).filter(|end| *end <= i64::MAX.cast_unsigned()) else {
            return Err(short());
        };
        if length == 0 {
            return self.nothing(name, offset).await;
        }
        let range = format!("bytes={offset}-{}", last - 1);
        let mut backoff = Backoff::default();
        loop {
            match self.part(name, &range, length).await {
                Some(read) => return read,
                None if backoff.again().await => {}
                None => return Err(StoreError::Unavailable("GetObject: the answer breaks off each time".to_owned())),
            }
        }
    }

    /// `None` where the connection broke within the answer.
    async fn part(&self, name: &ObjectName, range: &str, length: u64) -> Option<Result<Bytes, StoreError>> {
        let call = self.client.get_object().bucket(&self.bucket).key(name.as_str()).range(range);
        let mut got = match patiently(|| call.clone().send()).await {
            Ok(got) => got,
            Err(error) => return Some(Err(read_error("GetObject", &error))),
        };
        // A range that the object does not hold is cut to what it holds.
        if got.content_length().and_then(|length| u64::try_from(length).ok()) != Some(length) {
            return Some(Err(short()));
        }
        let mut bytes = BytesMut::with_capacity(usize::try_from(length).ok()?);
        while let Some(piece) = got.body.next().await {
            bytes.extend_from_slice(&piece.ok()?);
        }
        (bytes.len() as u64 == length).then(|| Ok(bytes.freeze()))
    }

    /// No bytes of an object; S3 has no range for that.
    async fn nothing(&self, name: &ObjectName, offset: u64) -> Result<Bytes, StoreError> {
        let call = self.client.head_object().bucket(&self.bucket).key(name.as_str());
        let head = patiently(|| call.clone().send()).await.map_err(|error| read_error("HeadObject", &error))?;
        let length = head.content_length().and_then(|length| u64::try_from(length).ok());
        if length.is_some_and(|length| offset <= length) { Ok(Bytes::new()) } else { Err(short()) }
    }
}
