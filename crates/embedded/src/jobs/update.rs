//! Conditional writes: one statement each, so that each is atomic by itself.

use std::sync::LazyLock;

use offpeak_core::ids::{JobId, RequestId};
use offpeak_core::job::{BodyAt, Handed, Mark, State, Transition};
use offpeak_core::ports::Written;
use rusqlite::{Connection, ToSql, params};

use super::insert::open;
use super::read::find;
use crate::dictionary::Dictionary;
use crate::error::Fault;
use crate::writer::Session;

/// Where a body is, as columns.
#[derive(Default)]
pub(super) struct Place {
    pub(super) object: Option<i64>,
    pub(super) offset: Option<u64>,
    pub(super) length: Option<u64>,
}

impl Place {
    pub(super) fn of(
        connection: &Connection,
        dictionary: &mut Dictionary,
        body: Option<&BodyAt>,
    ) -> Result<Self, Fault> {
        let Some(body) = body else { return Ok(Self::default()) };
        let object = dictionary.name(connection, body.object.as_str())?;
        Ok(Self { object: Some(object), offset: Some(body.offset), length: Some(body.length) })
    }
}

/// What a final state says, as columns.
#[derive(Default)]
pub(super) struct Ending<'a> {
    pub(super) status: Option<u16>,
    pub(super) object: Option<i64>,
    pub(super) offset: Option<u64>,
    pub(super) length: Option<u64>,
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    pub(super) code: Option<&'a str>,
    pub(super) message: Option<&'a str>,
}

impl<'a> Ending<'a> {
    pub(super) fn of(connection: &Connection, dictionary: &mut Dictionary, state: &'a State) -> Result<Self, Fault> {
        match state {
            State::Done(answer) => Ok(Self {
                status: Some(answer.status),
                object: Some(dictionary.name(connection, answer.object.as_str())?),
                offset: Some(answer.offset),
                length: Some(answer.length),
                input_tokens: Some(answer.usage.input_tokens),
                output_tokens: Some(answer.usage.output_tokens),
                ..Self::default()
            }),
            State::Failed(failure) => {
                Ok(Self { code: Some(&failure.code), message: Some(&failure.message), ..Self::default() })
            }
            State::Queued | State::Packed { .. } | State::Cancelled | State::Expired => Ok(Self::default()),
        }
    }
}

/// Bytes that a new row keeps for what is written into it later: a row that outgrows its page splits it, which costs
/// more than the write.
pub(super) const SPARE: usize = 44;
/// What is left of them in a packed row, whose submission takes 16.
const SPARE_PACKED: usize = SPARE - 16;
/// What is left of them in a final row, for who took its answer and when.
const SPARE_FINAL: usize = 24;

/// The condition of every transition.
const WHEN: &str = "WHERE id = ?1 AND open = 1 AND attempt = ?2 AND submission IS ?3";
const BODY: &str = "body_object = ?7, body_offset = ?8, body_length = ?9";
const END: &str = "open = ?7, finished_ms = ?8, answer_status = ?9, answer_object = ?10, answer_offset = ?11, \
     answer_length = ?12, input_tokens = ?13, output_tokens = ?14, failure_code = ?15, failure_message = ?16";
const MOVE: &str = "UPDATE jobs SET state = ?4, submission = ?5, attempt = ?6";

static STAY_OPEN: LazyLock<String> =
    LazyLock::new(|| format!("{MOVE}, spare = zeroblob({SPARE_PACKED}), lane = coalesce(?7, lane) {WHEN}"));
static STAY_OPEN_WITH_BODY: LazyLock<String> =
    LazyLock::new(|| format!("{MOVE}, spare = NULL, {BODY}, lane = coalesce(?10, lane) {WHEN}"));
static FINISH: LazyLock<String> = LazyLock::new(|| format!("{MOVE}, spare = zeroblob({SPARE_FINAL}), {END} {WHEN}"));
static FINISH_WITH_BODY: LazyLock<String> =
    LazyLock::new(|| format!("{MOVE}, {END}, body_object = ?17, body_offset = ?18, body_length = ?19 {WHEN}"));

/// Writes a transition if its condition holds.
pub(super) fn apply(session: &mut Session, transition: &Transition) -> Result<Written, Fault> {
    let rows = if transition.state.is_final() { finish(session, transition) } else { stay_open(session, transition) }?;
    written(session, transition.job, rows)
}

fn stay_open(session: &mut Session, transition: &Transition) -> Result<usize, Fault> {
    let Session { connection, dictionary, .. } = session;
    let place = Place::of(connection, dictionary, transition.body.as_ref())?;
    let sql = if transition.body.is_some() { &STAY_OPEN_WITH_BODY } else { &STAY_OPEN };
    let (from, to) = (transition.when.submission.map(|sub| sub.0), submission(&transition.state));
    let name = transition.state.kind().name();
    let lane = transition.lane.as_ref().map(|lane| dictionary.lane(connection, lane)).transpose()?;
    let moved: [&dyn ToSql; 6] = [&transition.job.0, &transition.when.attempt, &from, &name, &to, &transition.attempt];
    let placed: [&dyn ToSql; 3] = [&place.object, &place.offset, &place.length];
    let columns: Vec<&dyn ToSql> =
        moved.into_iter().chain(placed.into_iter().filter(|_| transition.body.is_some())).chain([&lane as _]).collect();
    Ok(connection.prepare_cached(sql)?.execute(&columns[..])?)
}

fn finish(session: &mut Session, transition: &Transition) -> Result<usize, Fault> {
    let Session { connection, dictionary, .. } = session;
    let place = Place::of(connection, dictionary, transition.body.as_ref())?;
    let ending = Ending::of(connection, dictionary, &transition.state)?;
    let sql = if transition.body.is_some() { &FINISH_WITH_BODY } else { &FINISH };
    let (from, to) = (transition.when.submission.map(|sub| sub.0), submission(&transition.state));
    let (name, open) = (transition.state.kind().name(), open(&transition.state));
    let columns: [&dyn ToSql; 19] = [
        &transition.job.0,
        &transition.when.attempt,
        &from,
        &name,
        &to,
        &transition.attempt,
        &open,
        &transition.at_ms,
        &ending.status,
        &ending.object,
        &ending.offset,
        &ending.length,
        &ending.input_tokens,
        &ending.output_tokens,
        &ending.code,
        &ending.message,
        &place.object,
        &place.offset,
        &place.length,
    ];
    let used = if transition.body.is_some() { 19 } else { 16 };
    Ok(connection.prepare_cached(sql)?.execute(&columns[..used])?)
}

fn submission(state: &State) -> Option<[u8; 16]> {
    match state {
        State::Packed { submission } => Some(submission.0),
        State::Queued | State::Done(_) | State::Failed(_) | State::Cancelled | State::Expired => None,
    }
}

/// Makes a small change beside the state; the conditions are those of [`Mark::apply`].
pub(super) fn mark(session: &mut Session, id: JobId, mark: Mark) -> Result<Written, Fault> {
    let run = |sql: &str, params: &[&dyn ToSql]| session.connection.prepare_cached(sql)?.execute(params);
    let rows = match mark {
        Mark::Count(count) => run("UPDATE jobs SET twins = max(twins, ?2) WHERE id = ?1", params![id.0, count]),
        Mark::Low(low) => run("UPDATE jobs SET low = max(low, ?2) WHERE id = ?1", params![id.0, low]),
        Mark::Resent(from) => {
            run("UPDATE jobs SET resends = resends + 1 WHERE id = ?1 AND resends = ?2", params![id.0, from])
        }
        Mark::CancelWish => run(
            "UPDATE jobs SET cancel_wished = 1 WHERE id = ?1 AND open = 1 AND submission IS NOT NULL",
            params![id.0],
        ),
        Mark::HandOut(handed) => run(
            "UPDATE jobs SET handed_to = ?2, handed_retry = ?3, handed_ms = ?4, spare = NULL
             WHERE id = ?1 AND (handed_to IS NULL OR handed_to IN (?2, ?5))",
            params![id.0, handed.request.0, handed.retry_count, handed.at_ms, RequestId::BY_ID.0],
        ),
        Mark::Delete { at_ms } => {
            let nobody = Handed::to_nobody(at_ms);
            run(
                "UPDATE jobs SET handed_to = ?2, handed_retry = ?3, handed_ms = ?4, spare = NULL WHERE id = ?1",
                params![id.0, nobody.request.0, nobody.retry_count, nobody.at_ms],
            )
        }
    }?;
    written(session, id, rows)
}

fn written(session: &mut Session, id: JobId, rows: usize) -> Result<Written, Fault> {
    if rows == 1 {
        return Ok(Written::Yes);
    }
    let row = find(&session.connection, &mut session.dictionary.words, id)?;
    Ok(Written::Conflict(row.map(Box::new)))
}
