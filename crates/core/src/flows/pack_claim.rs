//! What a drain does with received messages: claim their jobs for open submissions, lane by lane, and seal those.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::vec::IntoIter;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::Manifests;
use super::notices::{Audience, Ended};
use super::pack::{failure, recall};
use super::pack_filling::Filling;
use super::pack_resolve::Candidate;
use super::pack_source::slices;
use crate::faults::{Fault, planted};
use crate::ids::{RequestId, SubmissionId};
use crate::job::{Event, Transition};
use crate::lane::Lane;
use crate::ports::{Ports, Receipt, Received, StoreError, Written};
use crate::submission::{Limits, Size};

/// Lanes filled at once; beyond it the fullest is sealed, so that memory stays bounded.
const OPEN_LANES: usize = 64;

/// Lanes claimed for in one call: so few that opening one never seals another of them.
const CLAIMING: usize = OPEN_LANES / 2;

/// Bodies read at once.
const LOADING: usize = 64;

/// Messages on their way, by lane.
pub(super) type ByLane = BTreeMap<Lane, Vec<Candidate>>;

/// What one drain is packing.
pub(super) struct Packing<'a> {
    pub(super) ports: &'a Ports,
    pub(super) class: &'a str,
    owner: RequestId,
    pub(super) lanes: BTreeMap<Lane, Filling>,
    pub(super) sealed: Vec<SubmissionId>,
    pub(super) manifests: Manifests,
    /// Whether a message was left alone, or lost with its submission: it is hidden, not gone.
    pub(super) holding: bool,
}

impl<'a> Packing<'a> {
    pub(super) fn new(ports: &'a Ports, class: &'a str, owner: RequestId) -> Self {
        let (lanes, sealed, manifests) = (BTreeMap::new(), Vec::new(), Manifests::default());
        Self { ports, class, owner, lanes, sealed, manifests, holding: false }
    }

    /// Renews leases that are half over. Who lost one leaves that submission and its messages.
    pub(super) async fn renew(&mut self) -> Result<(), StoreError> {
        let now_ms = self.ports.clock.now_ms();
        let lanes: Vec<Lane> = self.lanes.keys().cloned().collect();
        for lane in lanes {
            let Some(filling) = self.lanes.get_mut(&lane) else { continue };
            if !filling.renew(self.ports, now_ms).await? {
                self.lanes.remove(&lane);
                self.lost().await?;
            }
        }
        Ok(())
    }

    pub(super) async fn lost(&mut self) -> Result<(), StoreError> {
        self.holding = true;
        recall(self.ports, self.class).await
    }

    /// Claims what was received, a slice at a time: no more bodies than that are read from the object store at once.
    pub(super) async fn take_in(&mut self, received: Vec<Received>) -> Result<(), StoreError> {
        for slice in slices(received) {
            // A slice of large bodies may take as long as a lease.
            self.renew().await?;
            self.take_slice(slice).await?;
        }
        Ok(())
    }

    /// Claims in rounds: whoever meets a conflict comes back with what the row really says.
    async fn take_slice(&mut self, slice: Vec<Received>) -> Result<(), StoreError> {
        let mut waiting = ByLane::new();
        for one in slice {
            let candidate = Candidate::new(one);
            waiting.entry(candidate.received.message.lane.clone()).or_default().push(candidate);
        }
        while !waiting.is_empty() {
            let mut ready = BTreeMap::new();
            for (lane, candidates) in waiting {
                let limits = self.limits(&lane);
                let now_ms = self.ports.clock.now_ms();
                let prepared = stream::iter(candidates)
                    .map(|candidate| prepare(self.ports, limits, candidate, now_ms))
                    .buffered(LOADING);
                let prepared: Vec<Candidate> = prepared.try_collect().await?;
                ready.insert(lane, prepared.into_iter().peekable());
            }
            waiting = self.claim_all(ready).await?;
        }
        Ok(())
    }

    /// What a submission of this lane may hold, if its provider is still configured.
    fn limits(&self, lane: &Lane) -> Option<Limits> {
        self.ports.backends.get(&lane.provider).map(|backend| backend.limits(&lane.model))
    }

    /// Claims for many lanes at once, in as many rounds as their submissions have room for; returns what must be tried
    /// again.
    async fn claim_all(
        &mut self,
        mut ready: BTreeMap<Lane, Peekable<IntoIter<Candidate>>>,
    ) -> Result<ByLane, StoreError> {
        let mut settled: Vec<Receipt> = Vec::new();
        let mut again = ByLane::new();
        while !ready.is_empty() {
            let lanes: Vec<Lane> = ready.keys().take(CLAIMING).cloned().collect();
            let mut round = Vec::new();
            for lane in &lanes {
                let Some(rest) = ready.get_mut(lane) else { continue };
                let claims = self.next_round(lane, rest).await?;
                if rest.peek().is_none() {
                    ready.remove(lane);
                }
                if claims.iter().any(|candidate| candidate.event.is_none()) && !self.lanes.contains_key(lane) {
                    self.open(lane, &lanes).await?;
                }
                round.extend(claims);
            }
            self.claim_round(round, &mut again, &mut settled).await?;
            self.let_go().await?;
        }
        if !settled.is_empty() {
            self.ports.intake.delete(self.class, settled).await?;
        }
        Ok(again)
    }

    /// As many candidates as the open submission has room for; it is sealed first if it has none (DESIGN rule 3).
    async fn next_round(
        &mut self,
        lane: &Lane,
        rest: &mut Peekable<IntoIter<Candidate>>,
    ) -> Result<Vec<Candidate>, StoreError> {
        let limits = self.limits(lane);
        let mut round = Vec::new();
        let mut size = self.lanes.get(lane).map_or_else(Size::default, |filling| filling.size);
        while let Some(candidate) = rest.peek() {
            if candidate.event.is_none() {
                let larger = size.plus(candidate.received.message.size);
                if limits.is_some_and(|limits| !limits.hold(larger)) && !planted(Fault::RoomAfterClaim) {
                    if round.is_empty() {
                        self.seal(lane).await?;
                        size = Size::default();
                        continue;
                    }
                    break;
                }
                size = larger;
            }
            round.extend(rest.next());
        }
        Ok(round)
    }

    /// Writes every candidate's event in one call: the claims, and the ends of those that cannot run.
    async fn claim_round(
        &mut self,
        round: Vec<Candidate>,
        again: &mut ByLane,
        settled: &mut Vec<Receipt>,
    ) -> Result<(), StoreError> {
        let now_ms = self.ports.clock.now_ms();
        let (mut claims, mut transitions) = (Vec::with_capacity(round.len()), Vec::with_capacity(round.len()));
        for candidate in round {
            let mine = self.submission_of(&candidate.received.message.lane);
            match candidate.transition(mine, now_ms) {
                Some(transition) => {
                    transitions.push(transition);
                    claims.push(candidate);
                }
                None => self.holding = true,
            }
        }
        if transitions.is_empty() {
            return Ok(());
        }
        promise(self.ports, &claims, &transitions).await?;
        let written = self.ports.jobs.apply(transitions).await?;
        let mut ended = Vec::new();
        let mut unclear = Vec::new();
        for (candidate, written) in claims.into_iter().zip(written) {
            match written {
                Written::Yes if candidate.event.is_none() => self.add(candidate).await?,
                Written::Yes => {
                    ended.extend(candidate.ended(now_ms));
                    settled.push(candidate.received.receipt);
                }
                Written::Conflict(row) => self.resolve(candidate, row, again, settled).await?,
                Written::Unclear => unclear.push(candidate),
            }
        }
        self.ports.wake.finished(ended);
        self.look_again(unclear, again, settled).await
    }

    pub(super) fn submission_of(&self, lane: &Lane) -> Option<SubmissionId> {
        self.lanes.get(lane).map(|filling| filling.submission.id)
    }

    /// Writes the line of a claimed job.
    async fn add(&mut self, candidate: Candidate) -> Result<(), StoreError> {
        let filling = self.lanes.get_mut(&candidate.received.message.lane);
        let Some(filling) = filling else {
            self.holding = true;
            return Ok(());
        };
        filling.add(candidate).await
    }

    /// Opens a submission for a lane. One too many costs the fullest of the lanes that are not being claimed for.
    async fn open(&mut self, lane: &Lane, claiming: &[Lane]) -> Result<(), StoreError> {
        let idle = self.lanes.iter().filter(|(lane, _)| !claiming.contains(lane));
        if self.lanes.len() >= OPEN_LANES
            && let Some(fullest) = idle.max_by_key(|(_, filling)| filling.size.bytes).map(|(lane, _)| lane)
        {
            let fullest = fullest.clone();
            self.seal(&fullest).await?;
        }
        let filling = Filling::open(self.ports, lane, self.owner).await?;
        self.lanes.insert(lane.clone(), filling);
        Ok(())
    }
}

/// Owes what is to be told of those that end here.
async fn promise(ports: &Ports, claims: &[Candidate], transitions: &[Transition]) -> Result<(), StoreError> {
    let ended = claims.iter().zip(transitions).filter(|(_, transition)| transition.state.is_final());
    let ended: Vec<Ended<'_>> = ended
        .map(|(candidate, end)| {
            let message = &candidate.received.message;
            Ended { tenant: &message.tenant, endpoint: message.lane.endpoint, end, body: None, row: None }
        })
        .collect();
    if ended.is_empty() || planted(Fault::PackUntold) { Ok(()) } else { Audience::new(ports).promise(&ended).await }
}

/// Decides the ends that a message alone decides, and brings the bodies of the others.
async fn prepare(
    ports: &Ports,
    limits: Option<Limits>,
    mut candidate: Candidate,
    now_ms: u64,
) -> Result<Candidate, StoreError> {
    let message = &candidate.received.message;
    let Some(limits) = limits else {
        let said = "The provider of this job is no longer configured.";
        candidate.event = Some(Event::Fail(failure("no_backend", said)));
        return Ok(candidate);
    };
    if now_ms >= message.deadline_ms {
        candidate.event = Some(Event::Expire);
        return Ok(candidate);
    }
    if candidate.event.is_none() && limits.hold(message.size) {
        candidate.load(ports).await?;
    }
    // A body that was read tells its size anew.
    if !limits.hold(candidate.received.message.size) {
        candidate.event = Some(Event::Fail(failure("too_large", "The request is larger than a batch.")));
    }
    Ok(candidate)
}
