//! Tables whose rows are one document each, with what is searched and compared beside it.
//!
//! ```text
//! id B   version N   doc S  the row as JSON
//! ttl N (s), where the row goes some day   open S "1" while something is owed: the key of the index `open`
//! ```

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{EXPIRY, Item, Outcome, Row, bytes, is_live, now_s, number, put, text};
use crate::error::Fault;

/// The key.
pub(crate) const ID: &str = "id";
const VERSION: &str = "version";
const DOC: &str = "doc";
/// The index's key, and its name.
const OPEN: &str = "open";
/// The key's only value.
const OWED: &str = "1";

/// The version of a row that was just created.
pub(crate) const FIRST: u64 = 1;

/// A table of documents. A row past its time is not there: it is neither read nor replaced, and its id is free.
pub(crate) struct Documents {
    pub(crate) client: Client,
    pub(crate) table: String,
    /// What faults call a row.
    what: &'static str,
}

impl Documents {
    /// The rows in that table.
    pub(crate) const fn new(client: Client, table: String, what: &'static str) -> Self {
        Self { client, table, what }
    }

    /// The item of a row, which must say the same version.
    pub(crate) fn item<T: Serialize>(&self, id: &[u8; 16], version: u64, row: &T) -> Result<Item, Fault> {
        let doc = serde_json::to_string(row).map_err(|_| Fault::Unwritable(self.what))?;
        let pairs = [(ID, bytes(id)), (VERSION, number(version)), (DOC, text(&doc))];
        Ok(pairs.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The row of an item, unless it is past its time at that second.
    pub(crate) fn read<T: DeserializeOwned>(&self, item: Item, now_s: u64) -> Result<Option<T>, Fault> {
        if !is_live(self.what, &item, now_s)? {
            return Ok(None);
        }
        let mut row = Row::new(self.what, item);
        let doc = row.text(DOC)?;
        serde_json::from_str(&doc).map(Some).map_err(|_| row.garbled(DOC))
    }

    /// One row.
    pub(crate) async fn find<T: DeserializeOwned>(&self, id: &[u8; 16]) -> Result<Option<T>, Fault> {
        let request = self.client.get_item().table_name(&self.table).key(ID, bytes(id)).consistent_read(true);
        let reply = request.send().await.map_err(|error| Fault::call("GetItem", &error))?;
        Ok(reply.item.map(|item| self.read(item, now_s())).transpose()?.flatten())
    }

    /// Stores an item unless its id is taken; says whether it did.
    pub(crate) async fn insert(&self, item: Item) -> Result<bool, Fault> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#id) OR #ttl < :now")
            .expression_attribute_names("#id", ID)
            .expression_attribute_names("#ttl", EXPIRY)
            .expression_attribute_values(":now", number(now_s()));
        Ok(matches!(put(request).await?, Outcome::Written))
    }

    /// Replaces an item of that version; says whether it did.
    pub(crate) async fn exchange(&self, item: Item, version: u64) -> Result<bool, Fault> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("#version = :version AND (attribute_not_exists(#ttl) OR #ttl >= :now)")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#ttl", EXPIRY)
            .expression_attribute_values(":version", number(version))
            .expression_attribute_values(":now", number(now_s()));
        Ok(matches!(put(request).await?, Outcome::Written))
    }

    /// Up to `limit` rows in the table's order, after the row `after`; none only at the end.
    pub(crate) async fn walk<T: DeserializeOwned>(
        &self,
        after: Option<[u8; 16]>,
        limit: usize,
    ) -> Result<Vec<T>, Fault> {
        let now_s = now_s();
        let mut rows = Vec::new();
        let mut after = after.map(|id| Item::from([(ID.to_owned(), bytes(&id))]));
        while rows.len() < limit {
            let left = i32::try_from(limit - rows.len()).unwrap_or(i32::MAX);
            let request = self.client.scan().table_name(&self.table).consistent_read(true).limit(left);
            let request = request.set_exclusive_start_key(after);
            let reply = request.send().await.map_err(|error| Fault::call("Scan", &error))?;
            for item in reply.items.unwrap_or_default() {
                rows.extend(self.read::<T>(item, now_s)?);
            }
            after = reply.last_evaluated_key;
            if after.is_none() {
                break;
            }
        }
        Ok(rows)
    }

    /// The ids of the index `open`, in its order. It may lag behind the rows by a second or so.
    pub(crate) async fn open(&self) -> Result<Vec<[u8; 16]>, Fault> {
        self.open_until(None, usize::MAX).await
    }

    /// The first `limit` of them; only up to that value of the attribute that the index is ordered by, if one is given.
    pub(crate) async fn open_until(
        &self,
        last: Option<(&str, AttributeValue)>,
        limit: usize,
    ) -> Result<Vec<[u8; 16]>, Fault> {
        let mut ids = Vec::new();
        let mut after = None;
        loop {
            let mut request = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(OPEN)
                .expression_attribute_names("#open", OPEN)
                .expression_attribute_values(":owed", text(OWED))
                .set_exclusive_start_key(after);
            request = match &last {
                None => request.key_condition_expression("#open = :owed"),
                Some((order, last)) => request
                    .key_condition_expression("#open = :owed AND #order <= :last")
                    .expression_attribute_names("#order", *order)
                    .expression_attribute_values(":last", last.clone())
                    .limit(i32::try_from(limit - ids.len()).unwrap_or(i32::MAX)),
            };
            let reply = request.send().await.map_err(|error| Fault::call("Query", &error))?;
            for item in reply.items.unwrap_or_default() {
                ids.push(Row::new(self.what, item).bytes(ID)?);
            }
            after = reply.last_evaluated_key;
            if after.is_none() || ids.len() >= limit {
                return Ok(ids);
            }
        }
    }
}

/// Says of an item that something is owed.
pub(crate) fn owe(item: &mut Item) {
    item.insert(OPEN.to_owned(), text(OWED));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dynamo::{Script, wire};

    #[tokio::test]
    async fn open_goes_on_where_a_page_ends() {
        let key = |n: u8| {
            let mut key = Item::from([(ID.to_owned(), bytes(&[n; 16]))]);
            owe(&mut key);
            wire(&key)
        };
        let first = json!({"Items": [key(1), key(2)], "LastEvaluatedKey": key(2)}).to_string();
        let none = json!({"Items": [], "LastEvaluatedKey": key(3)}).to_string();
        let last = json!({"Items": [key(4)]}).to_string();
        let script = Script::new(&[(200, &first), (200, &none), (200, &last)]);
        let rows = Documents::new(script.client(), "rows".to_owned(), "a row");
        let ids: Vec<u8> = rows.open().await.unwrap().iter().map(|id| id[0]).collect();
        assert_eq!(ids, [1, 2, 4]);
        let asked: Vec<_> = script.requests().iter().map(|request| request["ExclusiveStartKey"].clone()).collect();
        assert_eq!(asked, [json!(null), key(2), key(3)]);
        assert!(script.requests().iter().all(|request| request["IndexName"] == OPEN), "no scan");
    }
}
