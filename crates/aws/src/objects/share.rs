//! Giving an object, or a part of one, to somebody who has no key to the bucket.

use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
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
        url(self.get(name)).await
    }

    async fn link(&self, object: &ObjectName, filename: &str, content_type: &str) -> Result<String, StoreError> {
        let call = self.get(object).response_content_type(content_type);
        url(call.response_content_disposition(attachment(filename))).await
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

    fn get(&self, name: &ObjectName) -> GetObjectFluentBuilder {
        self.client.get_object().bucket(&self.bucket).key(name.as_str())
    }
}

/// Signs a read.
async fn url(call: GetObjectFluentBuilder) -> Result<String, StoreError> {
    let unsigned = |reason: String| StoreError::Unavailable(format!("GetObject cannot be signed: {reason}"));
    let valid = PresigningConfig::expires_in(VALID).map_err(|error| unsigned(error.to_string()))?;
    let request = call.presigned(valid).await.map_err(|error| unsigned(failure::reason(&error)))?;
    Ok(request.uri().to_owned())
}

/// Bytes of a file's name that are told: no file system takes more.
const NAME_BYTES: usize = 255;

/// A `Content-Disposition` that names a file: whole for whom knows RFC 8187, in ASCII for others (RFC 6266, section 5).
fn attachment(filename: &str) -> String {
    let name = &filename[..filename.floor_char_boundary(NAME_BYTES)];
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, ' ' | '.' | '_' | '-');
    let plain: String = name.chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    let mut header = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            header.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(header, "%{byte:02X}");
        }
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_twice_and_nothing_breaks_out_of_it() {
        let header = |filename| attachment(filename);
        assert_eq!(header("a-1.jsonl"), "attachment; filename=\"a-1.jsonl\"; filename*=UTF-8''a-1.jsonl");
        assert_eq!(header("\"; \u{e4}\r\n"), "attachment; filename=\"__ ___\"; filename*=UTF-8''%22%3B%20%C3%A4%0D%0A");
        assert_eq!(header(&"\u{1f642}".repeat(300)).matches("%F0").count(), NAME_BYTES / 4);
    }
}
