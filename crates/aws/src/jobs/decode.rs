//! From items to jobs.

use aws_sdk_dynamodb::types::AttributeValue;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::{CredentialId, JobId, ObjectName, ReceiverId, RequestId, SubmissionId, TenantId};
use offpeak_core::job::{Answer, BodyAt, Failure, Handed, Job, Joins, Request, State, StateKind, Usage};
use offpeak_core::lane::{Lane, Terms};
use offpeak_core::notice::Webhook;

use super::attributes as at;
use crate::dynamo::{Item, Row, is_live};
use crate::error::Fault;
use offpeak_core::hex;

/// What faults call a row.
const WHAT: &str = "a job's row";

/// The job of an item, unless it is past its time at that second.
pub(super) fn live(item: Item, now_s: u64) -> Result<Option<Job>, Fault> {
    if is_live(WHAT, &item, now_s)? { job(item).map(Some) } else { Ok(None) }
}

/// The id of an item, also of one that an index projects.
pub(super) fn id(item: Item) -> Result<JobId, Fault> {
    Ok(JobId(Row::new(WHAT, item).bytes(at::ID)?))
}

/// The state's kind of an item, unless it is past its time at that second.
pub(super) fn live_kind(item: Item, now_s: u64) -> Result<Option<StateKind>, Fault> {
    if is_live(WHAT, &item, now_s)? { kind(&mut Row::new(WHAT, item)).map(Some) } else { Ok(None) }
}

fn job(item: Item) -> Result<Job, Fault> {
    let hash = item.get(at::BODY_HASH).and_then(body_hash);
    let mut row = Row::new(WHAT, item);
    let model = row.text(at::MODEL)?;
    Ok(Job {
        id: JobId(row.bytes(at::ID)?),
        tenant: TenantId(row.text(at::TENANT)?),
        lane: lane(&mut row, &model)?,
        request: Request {
            model,
            body_sha256: hash.ok_or_else(|| row.garbled(at::BODY_HASH))?,
            keyed: row.flag(at::KEYED)?,
            tag: if row.has(at::TAG) { Some(row.text(at::TAG)?) } else { None },
            webhook: webhook(&mut row)?,
        },
        state: state(&mut row)?,
        attempt: row.number(at::ATTEMPT)?,
        created_ms: row.number(at::CREATED)?,
        deadline_ms: row.number(at::DEADLINE)?,
        finished_ms: row.number_or_zero(at::FINISHED)?,
        joins: joins(&mut row)?,
        cancel_wished: row.flag(at::CANCEL_WISHED)?,
        body: body(&mut row)?,
    })
}

/// 32 bytes, or text where what was given is no such hash.
fn body_hash(value: &AttributeValue) -> Option<String> {
    match value.as_b() {
        Ok(hash) => Some(hex::encode(hash.as_ref())),
        Err(other) => other.as_s().ok().cloned(),
    }
}

fn webhook(row: &mut Row) -> Result<Option<Webhook>, Fault> {
    if !row.has(at::RECEIVER) {
        return Ok(None);
    }
    let url = if row.has(at::RECEIVER_URL) { Some(row.text(at::RECEIVER_URL)?) } else { None };
    Ok(Some(Webhook { receiver: ReceiverId(row.bytes(at::RECEIVER)?), url }))
}

fn lane(row: &mut Row, model: &str) -> Result<Lane, Fault> {
    let endpoint = row.text(at::LANE_ENDPOINT)?;
    Ok(Lane {
        credential: CredentialId(row.text(at::LANE_CREDENTIAL)?),
        provider: row.text(at::LANE_PROVIDER)?,
        endpoint: Endpoint::from_path(&endpoint).ok_or_else(|| row.garbled(at::LANE_ENDPOINT))?,
        model: if row.has(at::LANE_MODEL) { row.text(at::LANE_MODEL)? } else { model.to_owned() },
        class: row.text(at::LANE_CLASS)?,
        terms: terms(row)?,
    })
}

fn terms(row: &mut Row) -> Result<Terms, Fault> {
    if !row.has(at::LANE_TERMS) {
        return Ok(Terms::default());
    }
    let text = row.text(at::LANE_TERMS)?;
    serde_json::from_str(&text).map_err(|_| row.garbled(at::LANE_TERMS))
}

fn kind(row: &mut Row) -> Result<StateKind, Fault> {
    let name = row.text(at::STATE)?;
    StateKind::from_name(&name).ok_or_else(|| row.garbled(at::STATE))
}

fn state(row: &mut Row) -> Result<State, Fault> {
    match kind(row)? {
        StateKind::Queued => Ok(State::Queued),
        StateKind::Packed => Ok(State::Packed { submission: SubmissionId(row.bytes(at::SUBMISSION)?) }),
        StateKind::Done => Ok(State::Done(Answer {
            status: row.number(at::ANSWER_STATUS)?,
            object: ObjectName(row.text(at::ANSWER_OBJECT)?),
            offset: row.number(at::ANSWER_OFFSET)?,
            length: row.number(at::ANSWER_LENGTH)?,
            usage: Usage { input_tokens: row.number(at::INPUT_TOKENS)?, output_tokens: row.number(at::OUTPUT_TOKENS)? },
        })),
        StateKind::Failed => {
            Ok(State::Failed(Failure { code: row.text(at::FAILURE_CODE)?, message: row.text(at::FAILURE_MESSAGE)? }))
        }
        StateKind::Cancelled => Ok(State::Cancelled),
        StateKind::Expired => Ok(State::Expired),
    }
}

fn joins(row: &mut Row) -> Result<Joins, Fault> {
    Ok(Joins {
        n: row.number_or_zero(at::TWIN)?,
        count: row.number_or_zero(at::TWINS)?,
        low: row.number_or_zero(at::LOW)?,
        resends: row.number_or_zero(at::RESENDS)?,
        handed: handed(row)?,
    })
}

fn handed(row: &mut Row) -> Result<Option<Handed>, Fault> {
    if !row.has(at::HANDED_TO) {
        return Ok(None);
    }
    Ok(Some(Handed {
        request: RequestId(row.bytes(at::HANDED_TO)?),
        retry_count: row.number(at::HANDED_RETRY)?,
        at_ms: row.number(at::HANDED_AT)?,
    }))
}

fn body(row: &mut Row) -> Result<Option<BodyAt>, Fault> {
    if !row.has(at::BODY_OBJECT) {
        return Ok(None);
    }
    Ok(Some(BodyAt {
        object: ObjectName(row.text(at::BODY_OBJECT)?),
        offset: row.number(at::BODY_OFFSET)?,
        length: row.number(at::BODY_LENGTH)?,
    }))
}
