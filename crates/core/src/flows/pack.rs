//! Pack: one drain of a class's intake queue into sealed submissions.
//!
//! ```text
//! due? ─► note ─► receive ─► claim ─► write lines ─┐
//!            ▲                                     │ full, or the queue has run dry
//!            └─────────────────────────────────────┴─► seal ─► delete messages ─► depart
//! ```
//! The intake queue is authoritative for what waits, the job row for who holds it, the submission row for whether
//! it was sealed. A drain may be cut anywhere: its messages reappear, and its open submissions run out of lease.

use std::collections::BTreeMap;

use super::Manifests;
use super::pack_filling::Filling;
use super::pack_resolve::{Candidate, Resolved, resolve};
use crate::class::{Departures, Rule};
use crate::faults::{Fault, planted};
use crate::ids::{RequestId, SubmissionId};
use crate::job::{Event, Failure, State, Transition};
use crate::lane::Lane;
use crate::ports::{Finished, Ports, Receipt, Received, StoreError, Written};
use crate::submission::{Limits, Size};

/// Messages asked for in one receive.
const RECEIVE: usize = 1_000;

/// Lanes filled at once; beyond it the fullest is sealed, so that memory stays bounded.
const OPEN_LANES: usize = 64;

/// Receives in a row that must bring nothing, or only younger jobs, before a drain departs.
const DRY: u32 = 2;

/// Drains a class if it is due, until `stop_ms` (Unix milliseconds) at the latest; returns the sealed submissions,
/// which are to be advanced.
///
/// # Errors
/// [`StoreError`]: what was received reappears after its visibility timeout.
pub async fn tick(ports: &Ports, class: &str, stop_ms: u64) -> Result<Vec<SubmissionId>, StoreError> {
    let Some(rule) = ports.settings.classes.get(class) else { return Ok(Vec::new()) };
    let row = ports.classes.get(class).await?;
    let depth = ports.intake.depth(class).await?;
    let began_ms = ports.clock.now_ms();
    if row.version == 0 && matches!(rule, Rule::At { .. }) {
        // A class that was never seen waits for its first hour: the last one was not its own.
        revise(ports, class, |row| Departures { departed_ms: row.departed_ms.max(began_ms), ..row }).await?;
        return Ok(Vec::new());
    }
    if !row.due(rule, depth.visible + depth.hidden, began_ms) {
        return Ok(Vec::new());
    }
    if planted(Fault::DepartEarly) {
        revise(ports, class, |now| now.departed(&row, began_ms, ports.settings.timing.tick_ms, keep_ms(ports))).await?;
    }
    let owner = RequestId(ports.random.bits());
    let mut drain = Drain {
        ports,
        class,
        owner,
        began_ms,
        before: row,
        lanes: BTreeMap::new(),
        sealed: Vec::new(),
        manifests: Manifests::default(),
        holding: false,
    };
    let dry = drain.run(stop_ms).await;
    drain.finish(dry).await
}

/// After so long every message that a drain held at its note is visible again: one visibility timeout, and as much
/// again for what lies between the note and the receive, and between two machines' clocks.
fn keep_ms(ports: &Ports) -> u64 {
    2 * ports.settings.timing.visibility_ms
}

/// Changes a class's row whatever others do to it meanwhile.
pub(super) async fn revise(
    ports: &Ports,
    class: &str,
    change: impl Fn(Departures) -> Departures,
) -> Result<(), StoreError> {
    loop {
        let row = ports.classes.get(class).await?;
        let changed = change(row.clone());
        if changed == row || ports.classes.replace(class, &changed).await? {
            return Ok(());
        }
    }
}

/// Notes that work was put back: the class stays due until a drain begun over a tick later departs.
pub(super) async fn recall(ports: &Ports, class: &str) -> Result<(), StoreError> {
    let now_ms = ports.clock.now_ms();
    revise(ports, class, |row| row.recalled(now_ms)).await
}

/// One drain.
struct Drain<'a> {
    ports: &'a Ports,
    class: &'a str,
    owner: RequestId,
    began_ms: u64,
    /// The class's row when it began.
    before: Departures,
    lanes: BTreeMap<Lane, Filling>,
    sealed: Vec<SubmissionId>,
    manifests: Manifests,
    /// Whether a message was left alone, or lost with its submission: it is hidden, not gone.
    holding: bool,
}

impl Drain<'_> {
    /// Receives until the queue has run dry (`true`) or time is up.
    async fn run(&mut self, stop_ms: u64) -> Result<bool, StoreError> {
        let timing = &self.ports.settings.timing;
        let mut dry = 0;
        while dry < DRY {
            if self.ports.clock.now_ms() >= stop_ms {
                return Ok(false);
            }
            self.renew().await?;
            self.note().await?;
            let received =
                self.ports.intake.receive(self.class, RECEIVE, timing.visibility_ms, timing.receive_wait_ms).await?;
            let older = received.iter().any(|one| one.message.created_ms <= self.began_ms);
            dry = if older { 0 } else { dry + 1 };
            self.take_in(received).await?;
        }
        Ok(true)
    }

    /// Directly before a receive: the note must not be much older than what it stands for.
    async fn note(&mut self) -> Result<(), StoreError> {
        if planted(Fault::NoteForgotten) {
            return Ok(());
        }
        let (ports, owner) = (self.ports, self.owner);
        revise(ports, self.class, |row| row.noted(owner, Some(ports.clock.now_ms()))).await
    }

    /// Renews leases that are half over. Who lost one leaves that submission and its messages.
    async fn renew(&mut self) -> Result<(), StoreError> {
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

    async fn lost(&mut self) -> Result<(), StoreError> {
        self.holding = true;
        recall(self.ports, self.class).await
    }

    async fn take_in(&mut self, received: Vec<Received>) -> Result<(), StoreError> {
        let mut by_lane: BTreeMap<Lane, Vec<Candidate>> = BTreeMap::new();
        for one in received {
            let candidate = Candidate::new(one);
            by_lane.entry(candidate.received.message.lane.clone()).or_default().push(candidate);
        }
        for (lane, candidates) in by_lane {
            let Some(backend) = self.ports.backends.get(&lane.provider) else {
                self.fail_all(candidates, "no_backend", "The provider of this job is no longer configured.").await?;
                continue;
            };
            let limits = backend.limits();
            self.claim_all(&lane, limits, candidates).await?;
        }
        Ok(())
    }

    /// Claims candidates in rounds: whoever meets a conflict comes back with what the row really says.
    async fn claim_all(
        &mut self,
        lane: &Lane,
        limits: Limits,
        mut candidates: Vec<Candidate>,
    ) -> Result<(), StoreError> {
        while !candidates.is_empty() {
            let mut settled: Vec<Receipt> = Vec::new();
            let mut ready = Vec::with_capacity(candidates.len());
            let now_ms = self.ports.clock.now_ms();
            for mut candidate in candidates {
                if now_ms >= candidate.received.message.deadline_ms {
                    candidate.event = Some(Event::Expire);
                } else if !limits.hold(candidate.received.message.size) {
                    candidate.event = Some(Event::Fail(failure("too_large", "The request is larger than a batch.")));
                } else if candidate.event.is_none() {
                    candidate.load(self.ports).await?;
                }
                ready.push(candidate);
            }
            let mut again = Vec::new();
            let mut rest = ready.into_iter().peekable();
            while rest.peek().is_some() {
                let round = self.next_round(lane, limits, &mut rest).await?;
                self.claim_round(lane, round, &mut again, &mut settled).await?;
            }
            self.ports.intake.delete(self.class, settled).await?;
            candidates = again;
        }
        Ok(())
    }

    /// As many candidates as the open submission has room for; it is sealed first if it has none (DESIGN rule 3).
    async fn next_round(
        &mut self,
        lane: &Lane,
        limits: Limits,
        rest: &mut std::iter::Peekable<std::vec::IntoIter<Candidate>>,
    ) -> Result<Vec<Candidate>, StoreError> {
        let mut round = Vec::new();
        let mut size = self.lanes.get(lane).map_or_else(Size::default, |filling| filling.size);
        while let Some(candidate) = rest.peek() {
            if candidate.event.is_none() {
                let larger = size.plus(candidate.received.message.size);
                if !limits.hold(larger) && !planted(Fault::RoomAfterClaim) {
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
        lane: &Lane,
        round: Vec<Candidate>,
        again: &mut Vec<Candidate>,
        settled: &mut Vec<Receipt>,
    ) -> Result<(), StoreError> {
        let wants_room = round.iter().any(|candidate| candidate.event.is_none());
        if wants_room && !self.lanes.contains_key(lane) {
            self.open(lane).await?;
        }
        let mine = self.lanes.get(lane).map(|filling| filling.submission.id);
        let now_ms = self.ports.clock.now_ms();
        let transitions = round.iter().filter_map(|candidate| candidate.transition(mine, now_ms)).collect();
        let written = self.ports.jobs.apply(transitions).await?;
        let mut ended = Vec::new();
        for (candidate, written) in round.into_iter().zip(written) {
            match (written, self.lanes.get_mut(lane)) {
                (Written::Yes, Some(filling)) if candidate.event.is_none() => {
                    filling.add(lane, candidate).await?;
                }
                (Written::Yes, _) => {
                    ended.extend(candidate.ended(now_ms));
                    settled.push(candidate.received.receipt);
                }
                (Written::Conflict(row), _) => {
                    match resolve(self.ports, &mut self.manifests, candidate, row, mine).await? {
                        Resolved::Delete(receipt) => settled.push(receipt),
                        Resolved::Again(candidate) => again.push(*candidate),
                        Resolved::Mine(receipt) => {
                            if let Some(filling) = self.lanes.get_mut(lane) {
                                filling.receipts.push(receipt);
                            }
                        }
                        Resolved::LeaveAlone => self.holding = true,
                    }
                }
            }
        }
        self.ports.wake.finished(ended);
        Ok(())
    }

    async fn fail_all(&mut self, candidates: Vec<Candidate>, code: &str, message: &str) -> Result<(), StoreError> {
        for mut candidate in candidates {
            candidate.event = Some(Event::Fail(failure(code, message)));
            let lane = candidate.received.message.lane.clone();
            let (mut again, mut settled) = (Vec::new(), Vec::new());
            self.claim_round(&lane, vec![candidate], &mut again, &mut settled).await?;
            self.ports.intake.delete(self.class, settled).await?;
            self.holding |= !again.is_empty();
        }
        Ok(())
    }

    async fn open(&mut self, lane: &Lane) -> Result<(), StoreError> {
        if self.lanes.len() >= OPEN_LANES
            && let Some(fullest) = self.lanes.iter().max_by_key(|(_, filling)| filling.size.bytes).map(|(lane, _)| lane)
        {
            let fullest = fullest.clone();
            self.seal(&fullest).await?;
        }
        let filling = Filling::open(self.ports, lane, self.owner).await?;
        self.lanes.insert(lane.clone(), filling);
        Ok(())
    }

    /// Seals a lane's submission and deletes its messages (DESIGN rule 1).
    async fn seal(&mut self, lane: &Lane) -> Result<(), StoreError> {
        let Some(mut filling) = self.lanes.remove(lane) else { return Ok(()) };
        let receipts = std::mem::take(&mut filling.receipts);
        if planted(Fault::DeleteBeforeSeal) {
            self.ports.intake.delete(self.class, receipts.clone()).await?;
        }
        match filling.seal(self.ports).await? {
            Some(id) => {
                self.sealed.push(id);
                self.ports.intake.delete(self.class, receipts).await
            }
            None if receipts.is_empty() => Ok(()),
            None => self.lost().await,
        }
    }

    /// Seals what is open, then writes the departure if the queue ran dry and this drain holds no message.
    async fn finish(mut self, dry: Result<bool, StoreError>) -> Result<Vec<SubmissionId>, StoreError> {
        let mut outcome = dry;
        for lane in self.lanes.keys().cloned().collect::<Vec<_>>() {
            if let Err(error) = self.seal(&lane).await {
                outcome = Err(error);
            }
        }
        let dry = match outcome {
            Ok(dry) => dry,
            // The note stays, and keeps the class due until the hidden messages are back.
            Err(error) if self.sealed.is_empty() => return Err(error),
            Err(error) => {
                tracing::error!(%error, class = self.class, "a drain was cut short");
                return Ok(self.sealed);
            }
        };
        if !self.holding {
            let tick_ms = self.ports.settings.timing.tick_ms;
            revise(self.ports, self.class, |row| {
                let row = row.noted(self.owner, None);
                if dry { row.departed(&self.before, self.began_ms, tick_ms, keep_ms(self.ports)) } else { row }
            })
            .await?;
        }
        Ok(self.sealed)
    }
}

/// A failure of ours.
pub(super) fn failure(code: &str, message: &str) -> Failure {
    Failure { code: code.to_owned(), message: message.to_owned() }
}

impl Candidate {
    /// Its conditional write: a claim, or the end decided for it.
    fn transition(&self, mine: Option<SubmissionId>, now_ms: u64) -> Option<Transition> {
        let event = self.event.clone().or(mine.map(Event::Claim))?;
        Transition::new(self.received.message.job, self.when, event, now_ms).ok()
    }

    /// What to tell held callers if its end was written.
    fn ended(&self, now_ms: u64) -> Option<Finished> {
        let state: State = self.transition(None, now_ms)?.state;
        Some(Finished { job: self.received.message.job, state, body: None })
    }
}
