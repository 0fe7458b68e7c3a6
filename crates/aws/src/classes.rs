//! The rows of classes: each one document beside its version. They are few, and never expire.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use offpeak_core::class::Departures;
use offpeak_core::ports::{self, StoreError};

use crate::dynamo::{Item, Outcome, Row, number, put, text};
use crate::error::Fault;

const CLASS: &str = "class";
const VERSION: &str = "version";
const DOC: &str = "doc";

/// The rows of classes.
pub struct Classes {
    client: Client,
    table: String,
}

impl Classes {
    /// The rows in that table.
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn find(&self, class: &str) -> Result<Departures, Fault> {
        let request = self.client.get_item().table_name(&self.table).key(CLASS, text(class)).consistent_read(true);
        let reply = request.send().await.map_err(|error| Fault::call("GetItem", &error))?;
        let Some(item) = reply.item else { return Ok(Departures::default()) };
        let mut row = Row::new("a class's row", item);
        let doc = row.text(DOC)?;
        serde_json::from_str(&doc).map_err(|_| row.garbled(DOC))
    }

    async fn exchange(&self, class: &str, row: &Departures) -> Result<bool, Fault> {
        let stored = Departures { version: row.version.saturating_add(1), ..row.clone() };
        let doc = serde_json::to_string(&stored).map_err(|_| Fault::Unwritable("a class's row"))?;
        let item = Item::from([
            (CLASS.to_owned(), text(class)),
            (VERSION.to_owned(), number(stored.version)),
            (DOC.to_owned(), text(&doc)),
        ]);
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let request = if row.version == 0 {
            request.condition_expression("attribute_not_exists(#class)").expression_attribute_names("#class", CLASS)
        } else {
            request
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":version", number(row.version))
        };
        Ok(matches!(put(request).await?, Outcome::Written))
    }
}

#[async_trait]
impl ports::Classes for Classes {
    async fn get(&self, class: &str) -> Result<Departures, StoreError> {
        Ok(self.find(class).await?)
    }

    async fn replace(&self, class: &str, row: &Departures) -> Result<bool, StoreError> {
        Ok(self.exchange(class, row).await?)
    }
}

impl fmt::Debug for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classes").field("table", &self.table).finish_non_exhaustive()
    }
}
