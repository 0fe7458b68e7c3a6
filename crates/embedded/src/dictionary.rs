//! Texts that many rows share are stored once, and rows name them by number.
//!
//! A number is never given to another text. The names of a submission's objects go with its row; the others stay.

use std::collections::HashMap;
use std::sync::Arc;

use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::CredentialId;
use offpeak_core::lane::{Lane, Terms};
use rusqlite::{Connection, OptionalExtension, params};

use crate::document;
use crate::error::Fault;

/// Entries kept in memory of each kind.
const KEPT: usize = 8_192;

/// The writer's side: text to number, adding what is new. What was added in a transaction that failed must be
/// forgotten.
#[derive(Default)]
pub(crate) struct Dictionary {
    names: HashMap<String, i64>,
    lanes: HashMap<Lane, i64>,
    queues: HashMap<String, i64>,
    pub(crate) words: Words,
}

impl Dictionary {
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The number of a name.
    pub(crate) fn name(&mut self, connection: &Connection, name: &str) -> Result<i64, Fault> {
        if let Some(number) = self.names.get(name) {
            return Ok(*number);
        }
        let number = add(connection, "names", name)?;
        keep(&mut self.names, name.to_owned(), number);
        Ok(number)
    }

    /// The number of an intake queue.
    pub(crate) fn queue(&mut self, connection: &Connection, class: &str) -> Result<i64, Fault> {
        if let Some(number) = self.queues.get(class) {
            return Ok(*number);
        }
        let number = add(connection, "queues", class)?;
        keep(&mut self.queues, class.to_owned(), number);
        Ok(number)
    }

    /// The number of a lane.
    pub(crate) fn lane(&mut self, connection: &Connection, lane: &Lane) -> Result<i64, Fault> {
        if let Some(number) = self.lanes.get(lane) {
            return Ok(*number);
        }
        let terms = if lane.terms.is_plain() { String::new() } else { document::write(&lane.terms)? };
        let key = params![lane.credential.as_str(), lane.provider, lane.endpoint.path(), lane.model, lane.class, terms];
        connection
            .prepare_cached(
                "INSERT INTO lanes (credential, provider, endpoint, model, class, terms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            )?
            .execute(key)?;
        let number = connection
            .prepare_cached(
                "SELECT id FROM lanes
                 WHERE credential = ?1 AND provider = ?2 AND endpoint = ?3 AND model = ?4 AND class = ?5 AND terms = ?6",
            )?
            .query_row(key, |row| row.get(0))?;
        keep(&mut self.lanes, lane.clone(), number);
        Ok(number)
    }
}

/// What the column says: nothing, or terms.
fn terms(text: &str) -> Result<Terms, Fault> {
    if text.is_empty() {
        return Ok(Terms::default());
    }
    serde_json::from_str(text).map_err(|_| Fault::Garbled("a lane's terms are unknown to this version"))
}

fn add(connection: &Connection, table: &str, name: &str) -> Result<i64, Fault> {
    connection
        .prepare_cached(&format!("INSERT INTO {table} (name) VALUES (?1) ON CONFLICT DO NOTHING"))?
        .execute([name])?;
    let mut find = connection.prepare_cached(&format!("SELECT id FROM {table} WHERE name = ?1"))?;
    Ok(find.query_row([name], |row| row.get(0))?)
}

fn keep<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>, key: K, value: V) {
    if map.len() >= KEPT {
        map.clear();
    }
    map.insert(key, value);
}

/// A reader's side: number to text.
#[derive(Default)]
pub(crate) struct Words {
    names: HashMap<i64, Arc<str>>,
    lanes: HashMap<i64, Arc<Lane>>,
}

impl Words {
    /// The name of a number.
    pub(crate) fn name(&mut self, connection: &Connection, number: i64) -> Result<String, Fault> {
        if let Some(name) = self.names.get(&number) {
            return Ok(String::from(&**name));
        }
        let name: Option<Arc<str>> = connection
            .prepare_cached("SELECT name FROM names WHERE id = ?1")?
            .query_row([number], |row| row.get(0))
            .optional()?;
        let name = name.ok_or(Fault::Garbled("a row names a text that is not there"))?;
        let text = String::from(&*name);
        keep(&mut self.names, number, name);
        Ok(text)
    }

    /// The lane of a number.
    pub(crate) fn lane(&mut self, connection: &Connection, number: i64) -> Result<Lane, Fault> {
        if let Some(lane) = self.lanes.get(&number) {
            return Ok(Lane::clone(lane));
        }
        let mut find = connection
            .prepare_cached("SELECT credential, provider, endpoint, model, class, terms FROM lanes WHERE id = ?1")?;
        let mut rows = find.query([number])?;
        let row = rows.next()?.ok_or(Fault::Garbled("a row names a lane that is not there"))?;
        let endpoint = Endpoint::from_path(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?);
        let lane = Lane {
            credential: CredentialId(row.get(0)?),
            provider: row.get(1)?,
            endpoint: endpoint.ok_or(Fault::Garbled("a lane names an endpoint that this version does not know"))?,
            model: row.get(3)?,
            class: row.get(4)?,
            terms: terms(row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?)?,
        };
        keep(&mut self.lanes, number, Arc::new(lane.clone()));
        Ok(lane)
    }
}
