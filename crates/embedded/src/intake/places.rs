//! The numbers of new messages: ascending in each queue, and never given twice by one process.

use std::collections::HashMap;

use rusqlite::Connection;

use super::rows::{end, first};
use crate::error::Fault;

/// The last number given in each queue. Numbers of a transaction that failed stay unused.
#[derive(Default)]
pub(crate) struct Places(HashMap<i64, i64>);

impl Places {
    pub(super) fn next(&mut self, connection: &Connection, queue: i64) -> Result<i64, Fault> {
        if let Some(last) = self.0.get_mut(&queue) {
            *last += 1;
            return Ok(*last);
        }
        let last: Option<i64> = connection
            .prepare_cached("SELECT max(seq) FROM messages WHERE seq > ?1 AND seq < ?2")?
            .query_row([first(queue), end(queue)], |row| row.get(0))?;
        let next = last.unwrap_or(first(queue)) + 1;
        self.0.insert(queue, next);
        Ok(next)
    }
}
