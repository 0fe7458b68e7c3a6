//! Rows that are one document each, with what is searched beside it.

use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Fault;

/// The version of a row that was just created.
pub(crate) const FIRST: u64 = 1;

/// A row as its document.
pub(crate) fn write<T: Serialize>(row: &T) -> Result<String, Fault> {
    serde_json::to_string(row).map_err(|_| Fault::Garbled("a row cannot be written as a document"))
}

/// The row of the document in the first column; `unknown` is the fault where it cannot be read.
pub(crate) fn read<T: DeserializeOwned>(row: &Row<'_>, unknown: &'static str) -> Result<T, Fault> {
    let doc = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    serde_json::from_str(doc).map_err(|_| Fault::Garbled(unknown))
}

/// Unix milliseconds as a column holds them.
pub(crate) fn column(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
