//! The rows of tenants' receivers of webhooks: each one document under a key derived from its tenant.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use offpeak_core::ids::TenantId;
use offpeak_core::notice;
use offpeak_core::ports::{self, StoreError};

use crate::dynamo::{Documents, Item};
use crate::error::Fault;

/// The rows of tenants' receivers of webhooks.
pub struct Receivers {
    rows: Documents,
}

impl Receivers {
    /// The rows in that table.
    pub const fn new(client: Client, table: String) -> Self {
        Self { rows: Documents::new(client, table, "a tenant's receivers") }
    }

    fn item(&self, receivers: &notice::Receivers) -> Result<Item, Fault> {
        let version = receivers.version.saturating_add(1);
        let stored = notice::Receivers { version, ..receivers.clone() };
        self.rows.item(&notice::Receivers::key(&receivers.tenant), version, &stored)
    }
}

#[async_trait]
impl ports::Receivers for Receivers {
    async fn get(&self, tenant: &TenantId) -> Result<Option<notice::Receivers>, StoreError> {
        Ok(self.rows.find(&notice::Receivers::key(tenant)).await?)
    }

    async fn replace(&self, receivers: &notice::Receivers) -> Result<bool, StoreError> {
        let item = self.item(receivers)?;
        match receivers.version {
            0 => Ok(self.rows.insert(item).await?),
            version => Ok(self.rows.exchange(item, version).await?),
        }
    }
}

impl fmt::Debug for Receivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receivers").field("table", &self.rows.table).finish_non_exhaustive()
    }
}
