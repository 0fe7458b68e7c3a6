//! From jobs to items.

use aws_sdk_dynamodb::types::AttributeValue;
use offpeak_core::ids::JobId;
use offpeak_core::job::{BodyAt, Handed, Job, Joins, Request, State};
use offpeak_core::lane::Lane;
use offpeak_core::notice::Webhook;

use super::attributes as at;
use crate::dynamo::{EXPIRY, Item, born, bytes, ceil_s, flag, number, text};
use offpeak_core::hex;

/// How long an open row outlives its deadline, beside the retention: as long as a message lives in its queue, so that
/// no message outlives its row.
const AFTER_DEADLINE_MS: u64 = 14 * 86_400_000;

type Pair = (&'static str, AttributeValue);

/// The key of a row.
pub(super) fn key(id: JobId) -> AttributeValue {
    bytes(&id.0)
}

/// The item of a job; `index`: with the key of the index.
pub(super) fn item(job: &Job, retention_ms: u64, index: bool) -> Item {
    let mut pairs = vec![
        (at::ID, key(job.id)),
        (at::TENANT, text(job.tenant.as_str())),
        (EXPIRY, number(expiry_s(job, retention_ms))),
        (at::CREATED, number(job.created_ms)),
        (at::DEADLINE, number(job.deadline_ms)),
        (at::STATE, text(job.state.kind().name())),
        (at::ATTEMPT, number(job.attempt)),
    ];
    if index {
        pairs.push((at::BORN, born(job.created_ms, &job.id.0)));
    }
    request(&mut pairs, &job.request);
    pairs.extend(lane(&job.lane, Some(&job.request.model)));
    joins(&mut pairs, &job.joins);
    if let Some(body) = &job.body {
        pairs.extend(body_at(body));
    }
    if job.cancel_wished {
        pairs.push((at::CANCEL_WISHED, flag(true)));
    }
    if job.finished_ms > 0 {
        pairs.push((at::FINISHED, number(job.finished_ms)));
    }
    pairs.extend(particulars(&job.state));
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The last second of a row, as it was created.
fn expiry_s(job: &Job, retention_ms: u64) -> u64 {
    if job.state.is_final() {
        return final_expiry_s(job.finished_ms, retention_ms);
    }
    ceil_s(job.deadline_ms.saturating_add(AFTER_DEADLINE_MS).saturating_add(retention_ms))
}

/// The last second of a row that ended then.
pub(super) const fn final_expiry_s(finished_ms: u64, retention_ms: u64) -> u64 {
    ceil_s(finished_ms.saturating_add(retention_ms))
}

fn request(pairs: &mut Vec<Pair>, request: &Request) {
    let hash = hex::decode_32(&request.body_sha256).map_or_else(|| text(&request.body_sha256), |hash| bytes(&hash));
    pairs.extend([(at::MODEL, text(&request.model)), (at::BODY_HASH, hash)]);
    if request.keyed {
        pairs.push((at::KEYED, flag(true)));
    }
    if let Some(tag) = &request.tag {
        pairs.push((at::TAG, text(tag)));
    }
    if let Some(Webhook { receiver, url }) = &request.webhook {
        pairs.push((at::RECEIVER, bytes(&receiver.0)));
        pairs.extend(url.as_ref().map(|url| (at::RECEIVER_URL, text(url))));
    }
}

/// A lane, but for its model where the row has that in `model` anyhow, and for terms that promise nothing.
pub(super) fn lane(lane: &Lane, model: Option<&str>) -> Vec<Pair> {
    let mut pairs = vec![
        (at::LANE_CREDENTIAL, text(lane.credential.as_str())),
        (at::LANE_PROVIDER, text(&lane.provider)),
        (at::LANE_ENDPOINT, text(lane.endpoint.path())),
        (at::LANE_CLASS, text(&lane.class)),
    ];
    if model != Some(lane.model.as_str()) {
        pairs.push((at::LANE_MODEL, text(&lane.model)));
    }
    // Nothing in there can fail to be written.
    let terms = (!lane.terms.is_plain()).then(|| serde_json::to_string(&lane.terms).ok()).flatten();
    pairs.extend(terms.map(|terms| (at::LANE_TERMS, text(&terms))));
    pairs
}

fn joins(pairs: &mut Vec<Pair>, joins: &Joins) {
    let counts = [(at::TWIN, joins.n), (at::TWINS, joins.count), (at::LOW, joins.low), (at::RESENDS, joins.resends)];
    pairs.extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, number(count))));
    if let Some(to) = &joins.handed {
        pairs.extend(handed(to));
    }
}

/// Who took the answer.
pub(super) fn handed(to: &Handed) -> [Pair; 3] {
    [
        (at::HANDED_TO, bytes(&to.request.0)),
        (at::HANDED_RETRY, number(to.retry_count)),
        (at::HANDED_AT, number(to.at_ms)),
    ]
}

/// Where the body is.
pub(super) fn body_at(body: &BodyAt) -> [Pair; 3] {
    [
        (at::BODY_OBJECT, text(body.object.as_str())),
        (at::BODY_OFFSET, number(body.offset)),
        (at::BODY_LENGTH, number(body.length)),
    ]
}

/// What a state says beside its kind.
pub(super) fn particulars(state: &State) -> Vec<Pair> {
    match state {
        State::Queued | State::Cancelled | State::Expired => Vec::new(),
        State::Packed { submission } => vec![(at::SUBMISSION, bytes(&submission.0))],
        State::Done(answer) => vec![
            (at::ANSWER_STATUS, number(answer.status)),
            (at::ANSWER_OBJECT, text(answer.object.as_str())),
            (at::ANSWER_OFFSET, number(answer.offset)),
            (at::ANSWER_LENGTH, number(answer.length)),
            (at::INPUT_TOKENS, number(answer.usage.input_tokens)),
            (at::OUTPUT_TOKENS, number(answer.usage.output_tokens)),
        ],
        State::Failed(failure) => {
            vec![(at::FAILURE_CODE, text(&failure.code)), (at::FAILURE_MESSAGE, text(&failure.message))]
        }
    }
}
