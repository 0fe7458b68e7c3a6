//! From jobs to rows.

use std::sync::LazyLock;

use offpeak_core::job::{Job, State};
use offpeak_core::ports::Created;
use rusqlite::params;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::read::find;
use super::update::{Ending, Place, SPARE};
use crate::document;
use crate::error::Fault;
use crate::writer::Session;
use offpeak_core::hex;

static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO jobs (id, tenant, lane, model, created_ms, deadline_ms, body_sha256, keyed, tag, \
     state, open, attempt, submission, finished_ms, cancel_wished, twin, twins, low, resends, \
     handed_to, handed_retry, handed_ms, body_object, body_offset, body_length, \
     answer_status, answer_object, answer_offset, answer_length, input_tokens, output_tokens, \
     failure_code, failure_message, webhook, spare) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, \
     ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, zeroblob({SPARE})) ON CONFLICT (id) DO NOTHING"
    )
});

/// Creates a row unless its id is taken.
pub(super) fn create(session: &mut Session, job: &Job) -> Result<Created, Fault> {
    if insert(session, job)? {
        return Ok(Created::New);
    }
    let row = find(&session.connection, &mut session.dictionary.words, job.id)?;
    Ok(Created::Exists(Box::new(row.ok_or(Fault::Garbled("a row was taken and is not there"))?)))
}

fn insert(session: &mut Session, job: &Job) -> Result<bool, Fault> {
    let Session { connection, dictionary, .. } = session;
    let tenant = dictionary.name(connection, job.tenant.as_str())?;
    let lane = dictionary.lane(connection, &job.lane)?;
    let model = dictionary.name(connection, &job.request.model)?;
    let place = Place::of(connection, dictionary, job.body.as_ref())?;
    let ending = Ending::of(connection, dictionary, &job.state)?;
    let submission = job.submission().map(|submission| submission.0);
    let handed = job.joins.handed;
    let webhook = job.request.webhook.as_ref().map(document::write).transpose()?;
    let rows = connection.prepare_cached(&INSERT)?.execute(params![
        job.id.0,
        tenant,
        lane,
        model,
        job.created_ms,
        job.deadline_ms,
        BodyHash::of(&job.request.body_sha256),
        job.request.keyed,
        job.request.tag,
        job.state.kind().name(),
        open(&job.state),
        job.attempt,
        submission,
        job.finished_ms,
        job.cancel_wished,
        job.joins.n,
        job.joins.count,
        job.joins.low,
        job.joins.resends,
        handed.map(|handed| handed.request.0),
        handed.map(|handed| handed.retry_count),
        handed.map(|handed| handed.at_ms),
        place.object,
        place.offset,
        place.length,
        ending.status,
        ending.object,
        ending.offset,
        ending.length,
        ending.input_tokens,
        ending.output_tokens,
        ending.code,
        ending.message,
        webhook,
    ])?;
    Ok(rows == 1)
}

/// The column by which open rows are found: NULL once final, so that the index holds open rows only.
pub(super) fn open(state: &State) -> Option<bool> {
    (!state.is_final()).then_some(true)
}

/// 32 bytes where the text is a SHA-256, the text itself otherwise.
enum BodyHash<'a> {
    Bytes([u8; 32]),
    Text(&'a str),
}

impl<'a> BodyHash<'a> {
    fn of(text: &'a str) -> Self {
        hex::decode_32(text).map_or_else(|| Self::Text(text), Self::Bytes)
    }
}

impl ToSql for BodyHash<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
