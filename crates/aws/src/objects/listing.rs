//! Listing objects by name.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::StoreError;

use super::Objects;
use crate::backoff::patiently;
use crate::failure::unavailable;

/// The most names of one call.
const CALL_NAMES: usize = 1_000;

impl Objects {
    /// Up to `limit` names, ascending, each with the Unix milliseconds of its last write.
    pub(super) async fn names(
        &self,
        prefix: &str,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Vec<(ObjectName, u64)>, StoreError> {
        let mut names = Vec::new();
        let mut after = after.map(|name| name.as_str().to_owned());
        while names.len() < limit {
            let page = self.page(prefix, after.as_deref(), limit - names.len()).await?;
            let has_more = page.is_truncated() == Some(true);
            for object in page.contents.unwrap_or_default() {
                let written_ms = object.last_modified().and_then(|time| time.to_millis().ok());
                let written_ms = written_ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default();
                names.extend(object.key.map(|key| (ObjectName(key), written_ms)));
            }
            if !has_more {
                break;
            }
            after = names.last().map(|(name, _)| name.as_str().to_owned());
        }
        Ok(names)
    }

    /// What one call gives.
    pub(crate) async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ListObjectsV2Output, StoreError> {
        let most = i32::try_from(limit.min(CALL_NAMES)).unwrap_or(i32::MAX);
        let call = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).max_keys(most);
        let call = call.set_start_after(after.map(str::to_owned));
        patiently(|| call.clone().send()).await.map_err(|error| unavailable("ListObjectsV2", &error))
    }
}
