//! Creates, transitions and marks: one conditional write each.

use offpeak_core::ids::{JobId, RequestId};
use offpeak_core::job::{Handed, Job, Mark, StateKind, Transition};
use offpeak_core::ports::{Created, Written};

use super::{Jobs, attributes as at, decode, encode};
use crate::dynamo::{Change, EXPIRY, Outcome, bytes, flag, now_s, number, put, text, update};
use crate::error::Fault;

impl Jobs {
    /// A row past its time counts as absent, as it does for readers.
    pub(super) async fn create_one(&self, job: Job) -> Result<Created, Fault> {
        let now_s = now_s();
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(encode::item(&job, self.retention_ms, self.index)))
            .condition_expression("attribute_not_exists(#id) OR #ttl < :now")
            .expression_attribute_names("#id", at::ID)
            .expression_attribute_names("#ttl", EXPIRY)
            .expression_attribute_values(":now", number(now_s));
        match put(request).await? {
            Outcome::Written => Ok(Created::New),
            Outcome::Refused(item) => {
                let row = item.map(|item| decode::live(item, now_s)).transpose()?.flatten();
                let garbled = Fault::Garbled { row: "a row that was taken", attribute: EXPIRY };
                Ok(Created::Exists(Box::new(row.ok_or(garbled)?)))
            }
        }
    }

    /// A call that failed leaves its own row unclear, and no other.
    pub(super) async fn apply_one(&self, transition: Transition) -> Result<Written, Fault> {
        let now_s = now_s();
        match self.write(transition.job, move_to(&transition, self.retention_ms, now_s), now_s).await {
            Err(fault @ Fault::Call { .. }) => {
                tracing::warn!(job = %transition.job, %fault, "a write is unclear");
                Ok(Written::Unclear)
            }
            written => written,
        }
    }

    pub(super) async fn mark_one(&self, id: JobId, mark: Mark) -> Result<Written, Fault> {
        let now_s = now_s();
        let written = self.write(id, touch(mark, now_s), now_s).await?;
        match (mark, &written) {
            // Raised further already, which is what was asked.
            (Mark::Count(_) | Mark::Low(_), Written::Conflict(Some(_))) => Ok(Written::Yes),
            _ => Ok(written),
        }
    }

    async fn write(&self, id: JobId, change: Change, now_s: u64) -> Result<Written, Fault> {
        let request = self.client.update_item().table_name(&self.table).key(at::ID, encode::key(id));
        match update(change.into_request(request)).await? {
            Outcome::Written => Ok(Written::Yes),
            Outcome::Refused(item) => {
                let row = item.map(|item| decode::live(item, now_s)).transpose()?.flatten();
                Ok(Written::Conflict(row.map(Box::new)))
            }
        }
    }
}

/// A transition as an update; the condition is that of [`offpeak_core::job::When`].
fn move_to(transition: &Transition, retention_ms: u64, now_s: u64) -> Change {
    let when = transition.when;
    let from = if when.submission.is_some() { StateKind::Packed } else { StateKind::Queued };
    let mut change = Change::of_live(now_s).when(
        "#s = :was AND #a = :tried",
        &[at::STATE, at::ATTEMPT],
        [("was", text(from.name())), ("tried", number(when.attempt))],
    );
    if let Some(submission) = when.submission {
        change = change.when("#u = :held", &[at::SUBMISSION], [("held", bytes(&submission.0))]);
    }
    change = change.set(at::STATE, text(transition.state.kind().name()));
    if transition.attempt != when.attempt {
        change = change.set(at::ATTEMPT, number(transition.attempt));
    }
    if from == StateKind::Packed && transition.state.kind() != StateKind::Packed {
        change = change.remove(at::SUBMISSION);
    }
    for (name, value) in encode::particulars(&transition.state) {
        change = change.set(name, value);
    }
    for (name, value) in transition.body.iter().flat_map(encode::body_at) {
        change = change.set(name, value);
    }
    if let Some(lane) = &transition.lane {
        for (name, value) in encode::lane(lane, None) {
            change = change.set(name, value);
        }
        if lane.terms.is_plain() {
            change = change.remove(at::LANE_TERMS);
        }
    }
    if transition.state.is_final() {
        let expiry_s = encode::final_expiry_s(transition.at_ms, retention_ms);
        change = change.set(at::FINISHED, number(transition.at_ms)).set(EXPIRY, number(expiry_s));
    }
    change
}

/// A mark as an update; the conditions are those of [`Mark::apply`].
fn touch(mark: Mark, now_s: u64) -> Change {
    let change = Change::of_live(now_s);
    match mark {
        Mark::Count(count) => raise(change, at::TWINS, count),
        Mark::Low(low) => raise(change, at::LOW, low),
        Mark::Resent(0) => change.when("attribute_not_exists(#nr)", &[at::RESENDS], []).set(at::RESENDS, number(1_u32)),
        Mark::Resent(from) => change
            .when("#nr = :from", &[at::RESENDS], [("from", number(from))])
            .set(at::RESENDS, number(from.saturating_add(1))),
        Mark::CancelWish => change
            .when("#s = :packed", &[at::STATE], [("packed", text(StateKind::Packed.name()))])
            .set(at::CANCEL_WISHED, flag(true)),
        Mark::HandOut(handed) => {
            let change = change.when(
                "attribute_not_exists(#hr) OR #hr = :hr OR #hr = :byid",
                &[at::HANDED_TO],
                [("byid", bytes(&RequestId::BY_ID.0))],
            );
            hand(change, &handed)
        }
        Mark::Delete { at_ms } => hand(change, &Handed::to_nobody(at_ms)),
    }
}

/// Writes who has the answer.
fn hand(change: Change, to: &Handed) -> Change {
    encode::handed(to).into_iter().fold(change, |change, (name, value)| change.set(name, value))
}

/// Sets a number that only rises.
fn raise(change: Change, name: &str, to: u32) -> Change {
    change.when(&format!("attribute_not_exists(#{name}) OR #{name} < :{name}"), &[name], []).set(name, number(to))
}
