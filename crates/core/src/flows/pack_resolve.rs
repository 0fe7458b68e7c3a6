//! What a packer does with a message whose job is not simply queued (DESIGN rules 1 and 2).

use bytes::Bytes;

use super::pack::failure;
use super::pack_claim::{ByLane, Packing};
use super::{Holder, Manifests, holder};
use crate::body::{for_model, peek};
use crate::faults::{Fault, planted};
use crate::ids::{JobId, SubmissionId};
use crate::job::{Event, Job, State, Transition, When};
use crate::ports::{Finished, Message, MessageBody, Ports, Receipt, Received, StoreError};

/// Writes for one message that may be unclear, running: then the store is asked no more.
const UNCLEAR: u32 = 3;

/// A received message, on its way into a submission.
pub(super) struct Candidate {
    pub(super) received: Received,
    /// What the job's row must say.
    pub(super) when: When,
    /// The end decided for the job, in place of a claim.
    pub(super) event: Option<Event>,
    /// The body, once loaded.
    pub(super) body: Bytes,
    /// Writes of it that were unclear.
    pub(super) unclear: u32,
}

impl Candidate {
    pub(super) fn new(received: Received) -> Self {
        let when = When { submission: None, attempt: received.message.attempt };
        Self { received, when, event: None, body: Bytes::new(), unclear: 0 }
    }

    /// Brings the body; what cannot be read is poison, and becomes an error result (DESIGN rule 14).
    pub(super) async fn load(&mut self, ports: &Ports) -> Result<(), StoreError> {
        match &self.received.message.body {
            MessageBody::Inline(body) => self.body = body.clone(),
            MessageBody::At(at) => match ports.objects.read(&at.object, at.offset, at.length).await {
                Ok(body) => {
                    let Message { lane, size, .. } = &mut self.received.message;
                    // It may have been written for another target.
                    self.body = for_model(&body, &lane.model);
                    // A requeued message carries an estimate; here is the body itself.
                    if let Ok(peek) = peek(lane.endpoint, &self.body) {
                        *size = peek.size(lane.endpoint, self.body.len());
                    }
                }
                Err(StoreError::NotFound | StoreError::Corrupt(_)) => {
                    self.event = Some(Event::Fail(failure("body_unreadable", "The request's body cannot be read.")));
                }
                Err(error) => return Err(error),
            },
        }
        Ok(())
    }

    /// Goes where the row says: it was taken to a later target after this message was sent, and what was decided of it for
    /// the earlier one does not hold.
    fn follow(&mut self, row: &Job) {
        if self.received.message.lane != row.lane {
            self.received.message.lane.clone_from(&row.lane);
            self.event = None;
        }
    }

    /// Its conditional write: a claim, or the end decided for it.
    pub(super) fn transition(&self, mine: Option<SubmissionId>, now_ms: u64) -> Option<Transition> {
        let event = self.event.clone().or(mine.map(Event::Claim))?;
        Transition::new(self.received.message.job, self.when, event, now_ms).ok()
    }

    /// What to tell held callers if its end was written.
    pub(super) fn ended(&self, now_ms: u64) -> Option<Finished> {
        let state: State = self.transition(None, now_ms)?.state;
        Some(Finished { job: self.received.message.job, state, body: None })
    }
}

/// What to do with a message after its claim met a conflict.
enum Resolved {
    /// Its job needs it no more.
    Delete(Receipt),
    /// Its job is claimed for the submission being filled, at this attempt.
    Mine(Box<Candidate>),
    /// Another packer is filling a submission with its job.
    LeaveAlone,
    /// Try again, with the condition that the row really satisfies.
    Again(Box<Candidate>),
}

impl Packing<'_> {
    /// What is unclear is decided by the row, which may yet change: a write may be on its way still.
    pub(super) async fn look_again(
        &mut self,
        mut unclear: Vec<Candidate>,
        again: &mut ByLane,
        settled: &mut Vec<Receipt>,
    ) -> Result<(), StoreError> {
        if unclear.is_empty() {
            return Ok(());
        }
        for candidate in &mut unclear {
            candidate.unclear += 1;
        }
        if unclear.iter().any(|candidate| candidate.unclear > UNCLEAR) {
            return Err(super::unclear());
        }
        let ids: Vec<JobId> = unclear.iter().map(|candidate| candidate.received.message.job).collect();
        let rows = self.ports.jobs.get(&ids).await?;
        for (candidate, row) in unclear.into_iter().zip(rows) {
            self.resolve(candidate, row.map(Box::new), again, settled).await?;
        }
        Ok(())
    }

    /// Does with a message what its job's row demands.
    pub(super) async fn resolve(
        &mut self,
        mut candidate: Candidate,
        row: Option<Box<Job>>,
        again: &mut ByLane,
        settled: &mut Vec<Receipt>,
    ) -> Result<(), StoreError> {
        if let Some(row) = &row {
            candidate.follow(row);
        }
        let lane = candidate.received.message.lane.clone();
        let mine = self.submission_of(&lane);
        match resolve(self.ports, &mut self.manifests, candidate, row, mine).await? {
            Resolved::Delete(receipt) => settled.push(receipt),
            Resolved::Again(candidate) => again.entry(lane).or_default().push(*candidate),
            Resolved::Mine(candidate) => {
                let Some(filling) = self.lanes.get_mut(&lane) else { return Ok(()) };
                if filling.lists(candidate.received.message.job) || planted(Fault::UnclearLeftOut) {
                    filling.receipts.push(candidate.received.receipt);
                } else {
                    // Its own claim took effect and nobody heard of it; a message of before has another target's model.
                    let mut candidate = *candidate;
                    candidate.body = for_model(&candidate.body, &lane.model);
                    filling.add(candidate).await?;
                }
            }
            Resolved::LeaveAlone => self.holding = true,
        }
        Ok(())
    }
}

/// Decides from the row as it stands.
async fn resolve(
    ports: &Ports,
    manifests: &mut Manifests,
    mut candidate: Candidate,
    row: Option<Box<Job>>,
    mine: Option<SubmissionId>,
) -> Result<Resolved, StoreError> {
    let Some(row) = row else { return Ok(Resolved::Delete(candidate.received.receipt)) };
    match row.state {
        State::Done(_) | State::Failed(_) | State::Cancelled | State::Expired => {
            Ok(Resolved::Delete(candidate.received.receipt))
        }
        State::Queued => Ok(again(candidate, &row)),
        State::Packed { submission } if Some(submission) == mine => {
            candidate.when.attempt = row.attempt;
            Ok(Resolved::Mine(Box::new(candidate)))
        }
        State::Packed { submission } => match holder(ports, manifests, submission, row.id, row.attempt).await? {
            Holder::Listed => Ok(Resolved::Delete(candidate.received.receipt)),
            Holder::Filling => Ok(Resolved::LeaveAlone),
            Holder::Nobody => {
                if row.cancel_wished {
                    candidate.event = Some(Event::Cancel);
                }
                Ok(again(candidate, &row))
            }
        },
    }
}

/// The same message for the attempt that the row is at, and the body where the row says it is.
fn again(mut candidate: Candidate, row: &Job) -> Resolved {
    candidate.when = row.as_is();
    candidate.received.message.attempt = row.attempt;
    if let Some(body) = &row.body {
        candidate.received.message.body = MessageBody::At(body.clone());
    }
    Resolved::Again(Box::new(candidate))
}
