//! Reading several rows by their keys.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::{ID, Item, bytes};
use crate::backoff::Backoff;
use crate::error::Fault;

/// Rows that one `BatchGetItem` takes (quota, read 2026-11-20).
pub(crate) const BATCH: usize = 100;

/// Up to [`BATCH`] different rows of a table, in any order, with every write acknowledged before.
pub(crate) async fn look_up(client: &Client, table: &str, ids: &[[u8; 16]]) -> Result<Vec<Item>, Fault> {
    let mut found = Vec::with_capacity(ids.len());
    let mut keys: Vec<Item> = ids.iter().map(|id| Item::from([(ID.to_owned(), bytes(id))])).collect();
    let mut backoff = Backoff::default();
    loop {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let wanted = wanted.map_err(|_| Fault::Unwritable("a request"))?;
        let request = client.batch_get_item().request_items(table, wanted);
        let reply = request.send().await.map_err(|error| Fault::call("BatchGetItem", &error))?;
        let items: Vec<Item> = reply.responses.unwrap_or_default().into_values().flatten().collect();
        keys = reply.unprocessed_keys.unwrap_or_default().into_values().flat_map(|left| left.keys).collect();
        if keys.is_empty() {
            found.extend(items);
            return Ok(found);
        }
        if !items.is_empty() {
            // Only a table that gives nothing is pressed too hard.
            backoff = Backoff::default();
        }
        found.extend(items);
        if !backoff.again().await {
            return Err(Fault::Throttled("BatchGetItem"));
        }
    }
}
