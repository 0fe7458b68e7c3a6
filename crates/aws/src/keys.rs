//! The API keys of callers: all in one partition, so that a query lists them.
//!
//! ```text
//! kind S "key"   hash B   tenant S   hint S   created N (ms)   revoked N (ms), once revoked
//! ```

use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use offpeak_core::ids::TenantId;
use offpeak_core::ports::{self, KeyRecord, StoreError};

use crate::dynamo::{Change, Item, Outcome, Row, bytes, number, put, text, update};
use crate::error::Fault;

const KIND: &str = "kind";
/// The partition's key.
const KEY: &str = "key";
const HASH: &str = "hash";
const TENANT: &str = "tenant";
const HINT: &str = "hint";
const CREATED: &str = "created";
const REVOKED: &str = "revoked";

/// The API keys of callers.
pub struct Keys {
    client: Client,
    table: String,
}

impl Keys {
    /// The keys in that table.
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn insert(&self, key: &KeyRecord) -> Result<(), Fault> {
        let mut item = Item::from([
            (KIND.to_owned(), text(KEY)),
            (HASH.to_owned(), bytes(&key.hash)),
            (TENANT.to_owned(), text(key.tenant.as_str())),
            (HINT.to_owned(), text(&key.hint)),
            (CREATED.to_owned(), number(key.created_ms)),
        ]);
        item.extend(key.revoked_ms.map(|revoked_ms| (REVOKED.to_owned(), number(revoked_ms))));
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#hash)")
            .expression_attribute_names("#hash", HASH);
        put(request).await.map(drop)
    }

    async fn one(&self, hash: &[u8; 32]) -> Result<Option<KeyRecord>, Fault> {
        let request = self.client.get_item().table_name(&self.table).key(KIND, text(KEY)).key(HASH, bytes(hash));
        let reply = request.send().await.map_err(|error| Fault::call("GetItem", &error))?;
        reply.item.map(read).transpose()
    }

    async fn all(&self) -> Result<Vec<KeyRecord>, Fault> {
        let mut keys = Vec::new();
        let mut after = None;
        loop {
            let request = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("#kind = :key")
                .expression_attribute_names("#kind", KIND)
                .expression_attribute_values(":key", text(KEY))
                .consistent_read(true)
                .set_exclusive_start_key(after);
            let reply = request.send().await.map_err(|error| Fault::call("Query", &error))?;
            for item in reply.items.unwrap_or_default() {
                keys.push(read(item)?);
            }
            after = reply.last_evaluated_key;
            if after.is_none() {
                keys.sort_by_key(|key| (key.created_ms, key.hash));
                return Ok(keys);
            }
        }
    }

    async fn end(&self, hash: &[u8; 32], now_ms: u64) -> Result<(), Fault> {
        let request = self.client.update_item().table_name(&self.table).key(KIND, text(KEY)).key(HASH, bytes(hash));
        let change = Change::default().when("attribute_exists(#hash)", &[HASH], []).set_once(REVOKED, number(now_ms));
        match update(change.into_request(request)).await? {
            Outcome::Written => Ok(()),
            Outcome::Refused(_) => Err(Fault::NoSuch),
        }
    }
}

#[async_trait]
impl ports::Keys for Keys {
    async fn create(&self, key: KeyRecord) -> Result<(), StoreError> {
        Ok(self.insert(&key).await?)
    }

    /// Half a read unit: what it says may be a second or so old.
    async fn find(&self, hash: &[u8; 32]) -> Result<Option<KeyRecord>, StoreError> {
        Ok(self.one(hash).await?)
    }

    async fn list(&self) -> Result<Vec<KeyRecord>, StoreError> {
        Ok(self.all().await?)
    }

    async fn revoke(&self, hash: &[u8; 32], now_ms: u64) -> Result<(), StoreError> {
        Ok(self.end(hash, now_ms).await?)
    }
}

fn read(item: Item) -> Result<KeyRecord, Fault> {
    let mut row = Row::new("a key's row", item);
    Ok(KeyRecord {
        hash: row.bytes(HASH)?,
        tenant: TenantId(row.text(TENANT)?),
        hint: row.text(HINT)?,
        created_ms: row.number(CREATED)?,
        revoked_ms: if row.has(REVOKED) { Some(row.number(REVOKED)?) } else { None },
    })
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("table", &self.table).finish_non_exhaustive()
    }
}
