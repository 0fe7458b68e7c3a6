//! Giving a part of an object to somebody who has no key to the bucket.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::presigning::PresigningConfig;
use bytes::Bytes;
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::{Share, StoreError};

use super::Objects;
use crate::backoff::{Backoff, patiently};
use crate::failure::{self, unavailable};

/// How long a URL is good for. The function's own credentials must outlive it, and they are good for hours.
const VALID: Duration = Duration::from_mins(15);

/// What a conditional put says when another writes the same object at this moment.
const CONFLICT: u16 = 409;
/// What it says when the object is there.
const THERE: u16 = 412;

#[async_trait]
impl Share for Objects {
    async fn share(
        &self,
        source: &ObjectName,
        offset: u64,
        length: u64,
        name: &ObjectName,
    ) -> Result<String, StoreError> {
        if !self.is_there(name).await? {
            let bytes = self.range(source, offset, length).await?;
            self.put_once(name, bytes).await?;
        }
        self.url(name).await
    }
}

impl Objects {
    /// Spares a repeat the bytes.
    async fn is_there(&self, name: &ObjectName) -> Result<bool, StoreError> {
        let call = self.client.head_object().bucket(&self.bucket).key(name.as_str());
        match patiently(|| call.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) if super::is_missing(&error) => Ok(false),
            Err(error) => Err(unavailable("HeadObject", &error)),
        }
    }

    /// Puts an object unless it is there: all who share it write the same bytes.
    async fn put_once(&self, name: &ObjectName, bytes: Bytes) -> Result<(), StoreError> {
        let mut backoff = Backoff::default();
        loop {
            let put = patiently(|| {
                let call = self.client.put_object().bucket(&self.bucket).key(name.as_str()).if_none_match("*");
                call.content_type("application/json").body(bytes.clone().into()).send()
            });
            let put = put.await;
            let Err(error) = put else { return Ok(()) };
            match failure::status(&error) {
                Some(THERE) => return Ok(()),
                Some(CONFLICT) if backoff.again().await => {}
                _ => return Err(unavailable("PutObject", &error)),
            }
        }
    }

    async fn url(&self, name: &ObjectName) -> Result<String, StoreError> {
        let unsigned = |reason: String| StoreError::Unavailable(format!("GetObject cannot be signed: {reason}"));
        let valid = PresigningConfig::expires_in(VALID).map_err(|error| unsigned(error.to_string()))?;
        let call = self.client.get_object().bucket(&self.bucket).key(name.as_str());
        let request = call.presigned(valid).await.map_err(|error| unsigned(failure::reason(&error)))?;
        Ok(request.uri().to_owned())
    }
}
