//! From rows to jobs.

use std::sync::LazyLock;

use offpeak_core::ids::{JobId, ObjectName, RequestId, SubmissionId, TenantId};
use offpeak_core::job::{Answer, BodyAt, Failure, Handed, Job, Joins, Request, State, StateKind, Usage};
use offpeak_core::notice::Webhook;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::dictionary::Words;
use crate::error::Fault;
use crate::readers::Reader;
use offpeak_core::hex;

/// The columns that [`job`] reads, in its order; the row's number first.
pub(super) const COLUMNS: &str = "seq, id, tenant, lane, model, created_ms, deadline_ms, body_sha256, keyed, tag, \
     state, attempt, submission, finished_ms, cancel_wished, twin, twins, low, resends, \
     handed_to, handed_retry, handed_ms, body_object, body_offset, body_length, \
     answer_status, answer_object, answer_offset, answer_length, input_tokens, output_tokens, \
     failure_code, failure_message, webhook";

static FIND: LazyLock<String> = LazyLock::new(|| format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1"));

/// The rows of these ids, in their order.
pub(crate) fn get(reader: &mut Reader, ids: &[JobId]) -> Result<Vec<Option<Job>>, Fault> {
    ids.iter().map(|id| find(&reader.connection, &mut reader.words, *id)).collect()
}

/// One row by its id.
pub(super) fn find(connection: &Connection, words: &mut Words, id: JobId) -> Result<Option<Job>, Fault> {
    let mut statement = connection.prepare_cached(&FIND)?;
    let mut rows = statement.query([id.0])?;
    rows.next()?.map(|row| job(connection, words, row)).transpose()
}

/// Every row that a query brings.
pub(super) fn all(reader: &mut Reader, sql: &str, params: impl rusqlite::Params) -> Result<Vec<Job>, Fault> {
    let mut statement = reader.connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(job(&reader.connection, &mut reader.words, row)?);
    }
    Ok(jobs)
}

/// One row that was selected by [`COLUMNS`].
pub(super) fn job(connection: &Connection, words: &mut Words, row: &Row<'_>) -> Result<Job, Fault> {
    Ok(Job {
        id: JobId(row.get(1)?),
        tenant: TenantId(words.name(connection, row.get(2)?)?),
        lane: words.lane(connection, row.get(3)?)?,
        request: Request {
            model: words.name(connection, row.get(4)?)?,
            body_sha256: body_hash(row.get_ref(7)?)?,
            keyed: row.get(8)?,
            tag: row.get(9)?,
            webhook: webhook(row)?,
        },
        created_ms: row.get(5)?,
        deadline_ms: row.get(6)?,
        state: state(connection, words, row)?,
        attempt: row.get(11)?,
        finished_ms: row.get(13)?,
        cancel_wished: row.get(14)?,
        joins: Joins {
            n: row.get(15)?,
            count: row.get(16)?,
            low: row.get(17)?,
            resends: row.get(18)?,
            handed: handed(row)?,
        },
        body: body(connection, words, row)?,
    })
}

fn state(connection: &Connection, words: &mut Words, row: &Row<'_>) -> Result<State, Fault> {
    let kind = row.get_ref(10)?.as_str().ok().and_then(StateKind::from_name);
    match kind.ok_or(Fault::Garbled("a job's state is unknown to this version"))? {
        StateKind::Queued => Ok(State::Queued),
        StateKind::Packed => Ok(State::Packed { submission: SubmissionId(row.get(12)?) }),
        StateKind::Done => Ok(State::Done(Answer {
            status: row.get(25)?,
            object: ObjectName(words.name(connection, row.get(26)?)?),
            offset: row.get(27)?,
            length: row.get(28)?,
            usage: Usage { input_tokens: row.get(29)?, output_tokens: row.get(30)? },
        })),
        StateKind::Failed => Ok(State::Failed(Failure { code: row.get(31)?, message: row.get(32)? })),
        StateKind::Cancelled => Ok(State::Cancelled),
        StateKind::Expired => Ok(State::Expired),
    }
}

fn webhook(row: &Row<'_>) -> Result<Option<Webhook>, Fault> {
    let Some(doc) = row.get_ref(33)?.as_str_or_null().map_err(rusqlite::Error::from)? else { return Ok(None) };
    serde_json::from_str(doc).map(Some).map_err(|_| Fault::Garbled("a job's webhook is unknown to this version"))
}

fn handed(row: &Row<'_>) -> Result<Option<Handed>, Fault> {
    let Some(request) = row.get::<_, Option<[u8; 16]>>(19)? else { return Ok(None) };
    Ok(Some(Handed { request: RequestId(request), retry_count: row.get(20)?, at_ms: row.get(21)? }))
}

fn body(connection: &Connection, words: &mut Words, row: &Row<'_>) -> Result<Option<BodyAt>, Fault> {
    let Some(object) = row.get::<_, Option<i64>>(22)? else { return Ok(None) };
    let object = ObjectName(words.name(connection, object)?);
    Ok(Some(BodyAt { object, offset: row.get(23)?, length: row.get(24)? }))
}

/// 32 bytes, or text where what was given is no such hash.
fn body_hash(value: ValueRef<'_>) -> Result<String, Fault> {
    if let ValueRef::Blob(bytes) = value {
        return Ok(hex::encode(bytes));
    }
    Ok(value.as_str().map_err(rusqlite::Error::from)?.to_owned())
}
