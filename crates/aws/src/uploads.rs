//! The rows of uploads: each one document with a `ttl`.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use offpeak_core::file::Upload;
use offpeak_core::ids::UploadId;
use offpeak_core::ports::{self, StoreError};

use crate::dynamo::{Documents, EXPIRY, FIRST, Item, ceil_s, number};
use crate::error::Fault;

/// How long a row outlives its upload at least.
const AFTER_EXPIRY_MS: u64 = 86_400_000;

/// The rows of uploads.
pub struct Uploads {
    rows: Documents,
    retention_ms: u64,
}

impl Uploads {
    /// The rows in that table. An upload says for `retention_ms` and a day that it has expired.
    pub const fn new(client: Client, table: String, retention_ms: u64) -> Self {
        Self { rows: Documents::new(client, table, "an upload's row"), retention_ms }
    }

    fn item(&self, upload: &Upload, version: u64) -> Result<Item, Fault> {
        let stored = Upload { version, ..upload.clone() };
        let mut item = self.rows.item(&upload.id.0, version, &stored)?;
        let gone_ms = upload.expires_ms.saturating_add(AFTER_EXPIRY_MS).saturating_add(self.retention_ms);
        item.insert(EXPIRY.to_owned(), number(ceil_s(gone_ms)));
        Ok(item)
    }
}

#[async_trait]
impl ports::Uploads for Uploads {
    async fn create(&self, upload: &Upload) -> Result<(), StoreError> {
        self.rows.insert(self.item(upload, FIRST)?).await?;
        Ok(())
    }

    async fn get(&self, id: UploadId) -> Result<Option<Upload>, StoreError> {
        Ok(self.rows.find(&id.0).await?)
    }

    async fn replace(&self, upload: &Upload) -> Result<bool, StoreError> {
        let version = upload.version;
        Ok(self.rows.exchange(self.item(upload, version.saturating_add(1))?, version).await?)
    }
}

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploads").field("table", &self.rows.table).finish_non_exhaustive()
    }
}
