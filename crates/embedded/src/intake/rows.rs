//! The rows of messages.

use std::ops::RangeInclusive;

use bytes::Bytes;
use offpeak_core::ids::{JobId, ObjectName, TenantId};
use offpeak_core::job::BodyAt;
use offpeak_core::ports::{Message, MessageBody};
use offpeak_core::submission::Size;
use rusqlite::{Connection, Row, params};

use super::Found as Waiting;
use super::queue::{Found, Wanted};
use crate::dictionary::Words;
use crate::error::Fault;
use crate::readers::Reader;
use crate::writer::Session;

/// A message's number is its queue's number shifted by this, plus its place in the queue.
const PLACE_BITS: u32 = 40;
/// Bodies that one receive brings, so that its size in memory is bounded: 16 MiB, the last body on top.
const RECEIVE_BYTES: usize = 16 << 20;

const COLUMNS: &str = "seq, job, attempt, tenant, lane, requests, bytes, tokens, inputs, created_ms, deadline_ms, \
     object, offset, length, body";

/// The number below those of a queue's messages.
pub(super) const fn first(queue: i64) -> i64 {
    queue << PLACE_BITS
}

/// The number above those of a queue's messages.
pub(super) const fn end(queue: i64) -> i64 {
    first(queue + 1)
}

/// Which queues there are, and how much is in each.
pub(crate) fn queues(connection: &Connection) -> Result<Vec<Waiting>, rusqlite::Error> {
    let sql = format!(
        "SELECT name, id, coalesce(waiting, 0) FROM queues LEFT JOIN
         (SELECT seq >> {PLACE_BITS} AS queue, count(*) AS waiting FROM messages GROUP BY queue) ON queue = id"
    );
    let mut statement = connection.prepare(&sql)?;
    let rows = statement
        .query_map((), |row| Ok(Waiting { class: row.get(0)?, number: row.get(1)?, messages: row.get(2)? }))?;
    rows.collect()
}

/// How many messages a queue holds.
pub(crate) fn depth(reader: &Reader, class: &str) -> Result<u64, Fault> {
    let sql = format!(
        "SELECT count(*) FROM messages WHERE seq > (SELECT id << {PLACE_BITS} FROM queues WHERE name = ?1)
         AND seq < (SELECT (id + 1) << {PLACE_BITS} FROM queues WHERE name = ?1)"
    );
    Ok(reader.connection.prepare_cached(&sql)?.query_row([class], |row| row.get(0))?)
}

/// Up to `limit` messages of all queues after a number: each with its number, job and attempt.
pub(crate) fn messages(reader: &Reader, after: i64, limit: usize) -> Result<Vec<(i64, JobId, u32)>, Fault> {
    let mut statement = reader
        .connection
        .prepare_cached("SELECT seq, job, attempt FROM messages WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let rows = statement.query_map(params![after, limit], |row| Ok((row.get(0)?, JobId(row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Stores a message; returns the number below its queue's.
pub(super) fn insert(session: &mut Session, message: &Message) -> Result<i64, Fault> {
    let Session { connection, dictionary, places } = session;
    let queue = dictionary.queue(connection, &message.lane.class)?;
    let tenant = dictionary.name(connection, message.tenant.as_str())?;
    let lane = dictionary.lane(connection, &message.lane)?;
    let seq = places.next(connection, queue)?;
    let (inline, at) = match &message.body {
        MessageBody::Inline(bytes) => (Some(&bytes[..]), None),
        MessageBody::At(at) => (None, Some(at)),
    };
    let Size { requests, bytes, tokens, inputs } = message.size;
    connection
        .prepare_cached(
            "INSERT INTO messages (seq, job, attempt, tenant, lane, requests, bytes, tokens, inputs, created_ms,
             deadline_ms, object, offset, length, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            seq,
            message.job.0,
            message.attempt,
            tenant,
            lane,
            requests,
            bytes,
            tokens,
            inputs,
            message.created_ms,
            message.deadline_ms,
            at.map(|at| at.object.as_str()),
            at.map(|at| at.offset),
            at.map(|at| at.length),
            inline,
        ])?;
    Ok(first(queue))
}

/// Deletes runs of numbers; returns how many rows went.
pub(super) fn delete(session: &mut Session, runs: &[RangeInclusive<i64>]) -> Result<u64, Fault> {
    let mut statement = session.connection.prepare_cached("DELETE FROM messages WHERE seq BETWEEN ?1 AND ?2")?;
    let mut rows = 0;
    for run in runs {
        rows += statement.execute([run.start(), run.end()])? as u64;
    }
    Ok(rows)
}

/// Reads what a receive wants.
pub(super) fn read(reader: &mut Reader, wanted: &Wanted) -> Result<Found, Fault> {
    let mut found = Found { messages: Vec::new(), missing: Vec::new() };
    let Reader { connection, words } = reader;
    let mut room = RECEIVE_BYTES;
    let mut one = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM messages WHERE seq = ?1"))?;
    for seq in &wanted.back {
        if room == 0 {
            return Ok(found);
        }
        let mut rows = one.query([seq])?;
        match rows.next()? {
            Some(row) => found.push(message(connection, words, row)?, &mut room),
            None => found.missing.push(*seq),
        }
    }
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE seq > ?1 AND seq < ?2 ORDER BY seq LIMIT ?3");
    let mut more = connection.prepare_cached(&sql)?;
    let end = end(wanted.after >> PLACE_BITS);
    let limit = wanted.max - found.messages.len();
    let mut rows = more.query(params![wanted.after, end, limit])?;
    while room > 0
        && let Some(row) = rows.next()?
    {
        found.push(message(connection, words, row)?, &mut room);
    }
    Ok(found)
}

impl Found {
    fn push(&mut self, (seq, message): (i64, Message), room: &mut usize) {
        // A body that lies elsewhere is loaded by whoever receives it.
        let bytes = match &message.body {
            MessageBody::Inline(bytes) => bytes.len(),
            MessageBody::At(at) => usize::try_from(at.length).unwrap_or(usize::MAX),
        };
        *room = room.saturating_sub(bytes);
        self.messages.push((seq, message));
    }
}

fn message(connection: &Connection, words: &mut Words, row: &Row<'_>) -> Result<(i64, Message), Fault> {
    let body = if let Some(object) = row.get::<_, Option<String>>(11)? {
        MessageBody::At(BodyAt { object: ObjectName(object), offset: row.get(12)?, length: row.get(13)? })
    } else {
        let bytes = row.get_ref(14)?.as_blob().map_err(rusqlite::Error::from)?;
        MessageBody::Inline(Bytes::copy_from_slice(bytes))
    };
    let message = Message {
        job: JobId(row.get(1)?),
        attempt: row.get(2)?,
        tenant: TenantId(words.name(connection, row.get(3)?)?),
        lane: words.lane(connection, row.get(4)?)?,
        size: Size { requests: row.get(5)?, bytes: row.get(6)?, tokens: row.get(7)?, inputs: row.get(8)? },
        created_ms: row.get(9)?,
        deadline_ms: row.get(10)?,
        body,
    };
    Ok((row.get(0)?, message))
}
