//! The rows of files: each one document that never changes, whole in the index `by-tenant` too.
//!
//! ```text
//! id B   tenant S   born B (created, id): the index's keys   doc S  the row as JSON   ttl N (s), if the file expires
//! ```
//! A row past its time is given until the table deletes it: who reads it looks at the time.

#[cfg(test)]
mod tests;

use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use offpeak_core::file::File;
use offpeak_core::ids::{NativeFileId, TenantId};
use offpeak_core::ports::{self, FilePage, FileQuery, StoreError};

use crate::dynamo::{BORN, EXPIRY, ID, Item, Listing, Row, TENANT, born, bytes, ceil_s, number, put, text};
use crate::error::Fault;

const DOC: &str = "doc";

/// Rows read at once where a purpose is asked for, since most may be of others.
const PAGE: usize = 1_000;

/// The rows of files.
pub struct Files {
    client: Client,
    table: String,
}

impl Files {
    /// The rows in that table.
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn insert(&self, file: &File) -> Result<(), Fault> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(file)?))
            .condition_expression("attribute_not_exists(#id)")
            .expression_attribute_names("#id", ID);
        put(request).await.map(drop)
    }

    async fn find(&self, id: NativeFileId) -> Result<Option<File>, Fault> {
        let request = self.client.get_item().table_name(&self.table).key(ID, bytes(&id.0)).consistent_read(true);
        let reply = request.send().await.map_err(|error| Fault::call("GetItem", &error))?;
        reply.item.map(read).transpose()
    }

    async fn remove(&self, id: NativeFileId) -> Result<(), Fault> {
        let request = self.client.delete_item().table_name(&self.table).key(ID, bytes(&id.0));
        request.send().await.map(drop).map_err(|error| Fault::call("DeleteItem", &error))
    }

    async fn page(&self, tenant: &TenantId, query: FileQuery) -> Result<FilePage, Fault> {
        let listing = Listing { client: &self.client, table: &self.table, tenant, ascending: query.ascending };
        // A place needs no row: an index goes on after any key.
        let mut place = query.after.map(|after| listing.place(after.created_ms, &after.id.0));
        let is_wanted = |file: &File| query.purpose.is_none_or(|purpose| file.purpose == purpose);
        let mut files: Vec<File> = Vec::new();
        loop {
            // One more than asked for tells whether more follow.
            let wanted = if query.purpose.is_some() { PAGE } else { query.limit.saturating_add(1) - files.len() };
            let (items, next) = listing.page(place, wanted).await?;
            for item in items {
                files.extend(Some(read(item)?).filter(is_wanted));
            }
            place = next;
            if place.is_none() || files.len() > query.limit {
                break;
            }
        }
        let has_more = files.len() > query.limit;
        files.truncate(query.limit);
        Ok(FilePage { files, has_more })
    }
}

#[async_trait]
impl ports::Files for Files {
    async fn create(&self, file: &File) -> Result<(), StoreError> {
        Ok(self.insert(file).await?)
    }

    async fn get(&self, id: NativeFileId) -> Result<Option<File>, StoreError> {
        Ok(self.find(id).await?)
    }

    /// The index may lag behind the rows by a second or so. Rows of another purpose are read and passed over.
    async fn list(&self, tenant: &TenantId, query: FileQuery) -> Result<FilePage, StoreError> {
        Ok(self.page(tenant, query).await?)
    }

    async fn delete(&self, id: NativeFileId) -> Result<(), StoreError> {
        Ok(self.remove(id).await?)
    }
}

fn item(file: &File) -> Result<Item, Fault> {
    let doc = serde_json::to_string(file).map_err(|_| Fault::Unwritable("a file's row"))?;
    let mut item = Item::from([
        (ID.to_owned(), bytes(&file.id.0)),
        (TENANT.to_owned(), text(file.tenant.as_str())),
        (BORN.to_owned(), born(file.created_ms, &file.id.0)),
        (DOC.to_owned(), text(&doc)),
    ]);
    item.extend(file.expires_ms.map(|expires_ms| (EXPIRY.to_owned(), number(ceil_s(expires_ms)))));
    Ok(item)
}

fn read(item: Item) -> Result<File, Fault> {
    let mut row = Row::new("a file's row", item);
    let doc = row.text(DOC)?;
    serde_json::from_str(&doc).map_err(|_| row.garbled(DOC))
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("table", &self.table).finish_non_exhaustive()
    }
}
