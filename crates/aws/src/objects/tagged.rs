//! Objects by their entity tags, for what others may replace.

use aws_sdk_s3::primitives::DateTime;
use offpeak_core::ids::ObjectName;
use offpeak_core::ports::StoreError;

use super::{Objects, is_missing, read_error};
use crate::backoff::patiently;
use crate::failure::{self, unavailable};

impl Objects {
    /// The object's tag and the time of its last write, if it is there.
    pub(crate) async fn tagged(&self, name: &ObjectName) -> Result<Option<(String, Option<DateTime>)>, StoreError> {
        let call = self.client.head_object().bucket(&self.bucket).key(name.as_str());
        match patiently(|| call.clone().send()).await {
            Ok(head) => Ok(head.e_tag.map(|tag| (tag, head.last_modified))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(read_error("HeadObject", &error)),
        }
    }

    /// Deletes the object if it has that tag. Any other stays.
    pub(crate) async fn delete_tagged(&self, name: &ObjectName, tag: String) -> Result<(), StoreError> {
        let call = self.client.delete_object().bucket(&self.bucket).key(name.as_str()).if_match(tag);
        match patiently(|| call.clone().send()).await {
            Err(error) if !is_missing(&error) && failure::status(&error) != Some(412) => {
                Err(unavailable("DeleteObject", &error))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
