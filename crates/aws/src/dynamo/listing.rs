//! A tenant's rows in the order of their creation, by the index `by-tenant`.
//!
//! Its keys never change, so a row is written into it once, whatever becomes of the row.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use offpeak_core::ids::TenantId;

use super::{ID, Item, bytes, text};
use crate::error::Fault;

/// The index.
const BY_TENANT: &str = "by-tenant";
/// Its keys: whose row it is, and when it was born.
pub(crate) const TENANT: &str = "tenant";
pub(crate) const BORN: &str = "born";

/// Created and id: rows of one millisecond keep apart.
pub(crate) fn born(created_ms: u64, id: &[u8; 16]) -> AttributeValue {
    let mut key = [0; 24];
    key[..8].copy_from_slice(&created_ms.to_be_bytes());
    key[8..].copy_from_slice(id);
    bytes(&key)
}

/// The listing of a tenant's rows in a table.
pub(crate) struct Listing<'a> {
    pub(crate) client: &'a Client,
    pub(crate) table: &'a str,
    pub(crate) tenant: &'a TenantId,
    /// Oldest first; newest first otherwise.
    pub(crate) ascending: bool,
}

impl Listing<'_> {
    /// What the index holds of up to `limit` rows after a place, and the place that they reach unless it is the last.
    pub(crate) async fn page(&self, after: Option<Item>, limit: usize) -> Result<(Vec<Item>, Option<Item>), Fault> {
        let request = self
            .client
            .query()
            .table_name(self.table)
            .index_name(BY_TENANT)
            .key_condition_expression("#tenant = :tenant")
            .expression_attribute_names("#tenant", TENANT)
            .expression_attribute_values(":tenant", text(self.tenant.as_str()))
            .scan_index_forward(self.ascending)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after);
        let reply = request.send().await.map_err(|error| Fault::call("Query", &error))?;
        Ok((reply.items.unwrap_or_default(), reply.last_evaluated_key))
    }

    /// Where a row of the tenant is.
    pub(crate) fn place(&self, created_ms: u64, id: &[u8; 16]) -> Item {
        let key = [(TENANT, text(self.tenant.as_str())), (BORN, born(created_ms, id)), (ID, bytes(id))];
        key.map(|(name, value)| (name.to_owned(), value)).into()
    }
}
