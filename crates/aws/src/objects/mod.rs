//! The object store: one S3 bucket.
//!
//! An object up to 8 MiB is one put, a larger one a multipart upload in parts of 8 MiB: visible whole or not at all.
//! Nothing reads the bucket's metadata but lengths, times and entity tags.

mod listing;
mod pieces;
mod read;
mod share;
mod tagged;
mod writer;

use std::fmt;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use bytes::Bytes;
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{self, ByteStream, ObjectWriter, StoreError};

use self::pieces::Wanted;
use crate::backoff::patiently;
use crate::failure::{self, unavailable};

/// The object store.
#[derive(Clone)]
pub struct Objects {
    client: Client,
    bucket: String,
}

impl Objects {
    pub(crate) fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// The whole object in pieces, and its length; that of this tag only, if one is given.
    pub(crate) async fn stream_of(
        &self,
        name: &ObjectName,
        tag: Option<String>,
    ) -> Result<(u64, ByteStream), StoreError> {
        pieces::begin(self.clone(), name.clone(), Wanted { tag, offset: 0 }).await
    }
}

#[async_trait]
impl ports::Objects for Objects {
    async fn create(&self, name: &ObjectName) -> Result<Box<dyn ObjectWriter>, StoreError> {
        Ok(Box::new(writer::Writer::new(self.clone(), name.clone())))
    }

    async fn read(&self, name: &ObjectName, offset: u64, length: u64) -> Result<Bytes, StoreError> {
        self.range(name, offset, length).await
    }

    async fn stream(&self, name: &ObjectName) -> Result<(u64, ByteStream), StoreError> {
        self.stream_of(name, None).await
    }

    async fn tail(&self, name: &ObjectName, offset: u64) -> Result<ByteStream, StoreError> {
        Ok(pieces::begin(self.clone(), name.clone(), Wanted { tag: None, offset }).await?.1)
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let call = self.client.delete_object().bucket(&self.bucket).key(name.as_str());
        let gone = patiently(|| call.clone().send()).await;
        gone.map(drop)
            .or_else(|error| if is_missing(&error) { Ok(()) } else { Err(unavailable("DeleteObject", &error)) })
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Vec<(ObjectName, u64)>, StoreError> {
        self.names(prefix, after, limit).await
    }
}

/// A failed read as the port's error.
fn read_error<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if is_missing(error) {
        return StoreError::NotFound;
    }
    match failure::status(error) {
        Some(416) => short(),
        _ => unavailable(operation, error),
    }
}

/// Not so where the bucket itself is missing: that is the operator's to mend.
fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    failure::status(error) == Some(404) && error.code() != Some("NoSuchBucket")
}

fn short() -> StoreError {
    StoreError::Corrupt("an object is shorter than what names it".to_owned())
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}
