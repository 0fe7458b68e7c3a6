//! Settle: every job of an ended submission gets its outcome, by compare-and-set, as often as it takes.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::advance::Advancing;
use super::lines::Lines;
use super::notices::{Audience, Ended};
use super::pack::recall;
use super::unclear;
use super::verdict::{Finding, Verdict};
use crate::faults::{Fault, planted};
use crate::ids::{ObjectName, TenantId};
use crate::job::{BodyAt, Event, Job, State, Transition, When};
use crate::lane::Lane;
use crate::ports::{ByteStream, Finished, Message, MessageBody, StoreError, UsageRow, Written};
use crate::submission::manifest::{Entry, Manifest};
use crate::submission::{Ending, Sealed, Size, State as Stage, line};

/// Rows written in one call.
const ROWS: usize = 1_000;

/// Bytes of answers kept for held callers before their rows are written.
const BYTES: usize = 8 << 20;

/// One job's finding, and its answer's bytes if they are at hand.
struct Found {
    entry: Entry,
    finding: Finding,
    body: Option<Bytes>,
}

/// One pass over an ended submission.
struct Settling<'a> {
    advancing: &'a Advancing<'a>,
    sealed: &'a Sealed,
    manifest: &'a Manifest,
    found: Vec<Found>,
    /// Bytes of answers in `found`.
    bytes: usize,
    usage: BTreeMap<u32, UsageRow>,
    /// Whether the lines had a chance to run: then a requeue spends an attempt.
    ran: bool,
    /// Whether every write so far is known to have been made or refused.
    is_clear: bool,
    audience: Audience<'a>,
}

/// Gives every job of the manifest its outcome, sends the messages of those that run again, and records usage.
pub(super) async fn settle(
    advancing: &Advancing<'_>,
    manifest: &Manifest,
    results: Option<(&ObjectName, ByteStream)>,
) -> Result<(), StoreError> {
    let Stage::Collecting { ending, downloads, .. } = &advancing.row.state else { return Ok(()) };
    let Some(sealed) = &advancing.row.sealed else { return Ok(()) };
    let mut settling = Settling {
        advancing,
        sealed,
        manifest,
        found: Vec::with_capacity(ROWS),
        bytes: 0,
        usage: BTreeMap::new(),
        ran: results.is_some(),
        is_clear: true,
        audience: Audience::new(advancing.ports),
    };
    let mut seen = vec![false; manifest.len()];
    if let Some((name, stream)) = results {
        settling.read(name, stream, &mut seen).await?;
    }
    let doubtful = *downloads >= advancing.ports.settings.timing.max_downloads;
    settling.missing(ending, &seen, doubtful).await?;
    settling.flush().await?;
    let usage: Vec<UsageRow> = std::mem::take(&mut settling.usage).into_values().collect();
    if !usage.is_empty() {
        advancing.ports.usage.record(usage).await?;
    }
    // The next pass meets every row again: those that were written refuse, and those requeued get their messages.
    if settling.is_clear { Ok(()) } else { Err(unclear()) }
}

impl Settling<'_> {
    /// Reads the chosen results. The first line of a job counts: the object never changes, so every pass agrees.
    async fn read(&mut self, name: &ObjectName, stream: ByteStream, seen: &mut [bool]) -> Result<(), StoreError> {
        let mut lines = Lines::of(stream);
        while let Some(line) = lines.next().await? {
            let Some(read) = line::read(&line.bytes) else { continue };
            let Some(index) = self.manifest.find(read.job) else { continue };
            let Some(entry) = self.manifest.entry(index) else { continue };
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            let finding = Finding::of_line(read.outcome, name, line.offset);
            let mut body = None;
            if let Finding::Answered(answer) = &finding {
                let start = usize::try_from(answer.offset - line.offset).unwrap_or(usize::MAX);
                let length = usize::try_from(answer.length).unwrap_or(usize::MAX);
                body = Some(line.bytes.slice(start..start + length));
                self.bytes += length;
                self.count(entry, answer.usage);
            }
            self.found.push(Found { entry, finding, body });
            if self.found.len() >= ROWS || self.bytes >= BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    fn count(&mut self, entry: Entry, usage: crate::job::Usage) {
        let tenant = self.manifest.tenants().get(entry.tenant as usize);
        let row = self.usage.entry(entry.tenant).or_insert_with(|| UsageRow {
            submission: self.advancing.row.id,
            tenant: tenant.cloned().unwrap_or_else(|| TenantId::from("")),
            model: self.advancing.row.lane.model.clone(),
            lines: 0,
            input_tokens: 0,
            output_tokens: 0,
        });
        row.lines += 1;
        row.input_tokens += usage.input_tokens;
        row.output_tokens += usage.output_tokens;
    }

    /// Finds what to say of the jobs that no line spoke for.
    async fn missing(&mut self, ending: &Ending, seen: &[bool], doubtful: bool) -> Result<(), StoreError> {
        let mut by_offset: Vec<usize> = (0..self.manifest.len()).collect();
        let named = |lines: &[u64]| lines.iter().any(|line| (1..=self.manifest.len() as u64).contains(line));
        let numbered = matches!(ending, Ending::Refused { refusal, .. } if named(&refusal.lines));
        if numbered {
            by_offset.sort_by_key(|index| self.manifest.entry(*index).map(|entry| entry.offset));
        }
        for (number, index) in (1..).zip(by_offset) {
            if seen[index] {
                continue;
            }
            let Some(entry) = self.manifest.entry(index) else { continue };
            self.found.push(Found {
                entry,
                finding: Finding::of_missing(ending, numbered.then_some(number), doubtful),
                body: None,
            });
            if self.found.len() >= ROWS {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Writes the outcomes found so far.
    async fn flush(&mut self) -> Result<(), StoreError> {
        let ports = self.advancing.ports;
        let found = std::mem::take(&mut self.found);
        self.bytes = 0;
        let rows = self.rows_needed(&found).await?;
        let now_ms = ports.clock.now_ms();
        let mut written_for = Vec::with_capacity(found.len());
        let mut transitions = Vec::with_capacity(found.len());
        for one in found {
            let row = rows.get(&one.entry.job);
            let verdict = match (one.finding.plain(), row) {
                (Some(event), _) => event.into(),
                (None, Some(row)) => one.finding.verdict(row, now_ms, ports.settings.timing.max_attempts, self.ran),
                (None, None) => continue,
            };
            if let Some(transition) = self.transition(one.entry, verdict, now_ms) {
                transitions.push(transition);
                written_for.push(one);
            }
        }
        if transitions.is_empty() {
            return Ok(());
        }
        self.promise(&written_for, &transitions).await?;
        let written = ports.jobs.apply(transitions.clone()).await?;
        let mut finished = Vec::new();
        let mut messages = Vec::new();
        for ((one, transition), written) in written_for.into_iter().zip(transitions).zip(written) {
            match written {
                Written::Yes if transition.state == State::Queued => {
                    let row = rows.get(&one.entry.job);
                    messages.extend(row.map(|row| self.message(&one, row, transition.lane.as_ref())));
                }
                Written::Yes => {
                    finished.push(Finished { job: one.entry.job, state: transition.state, body: one.body });
                }
                Written::Conflict(Some(row)) if self.may_lack_message(&one, &row) => {
                    messages.push(self.message(&one, &row, None));
                }
                Written::Conflict(_) => {}
                Written::Unclear => self.is_clear = planted(Fault::UnclearBelieved),
            }
        }
        ports.wake.finished(finished);
        self.send(messages).await
    }

    /// Owes what is to be told of the jobs that these writes end.
    async fn promise(&mut self, found: &[Found], transitions: &[Transition]) -> Result<(), StoreError> {
        let endpoint = self.advancing.row.lane.endpoint;
        let mut ended = Vec::new();
        for (one, end) in found.iter().zip(transitions).filter(|(_, end)| end.state.is_final()) {
            let Some(tenant) = self.manifest.tenants().get(one.entry.tenant as usize) else { continue };
            ended.push(Ended { tenant, endpoint, end, body: one.body.as_ref(), row: None });
        }
        if planted(Fault::SettleUntold) { Ok(()) } else { self.audience.promise(&ended).await }
    }

    /// The rows of those whose event depends on their deadline, attempts or wish.
    async fn rows_needed(&self, found: &[Found]) -> Result<BTreeMap<crate::ids::JobId, Job>, StoreError> {
        let ids: Vec<_> = found.iter().filter(|one| one.finding.plain().is_none()).map(|one| one.entry.job).collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = self.advancing.ports.jobs.get(&ids).await?;
        Ok(rows.into_iter().flatten().map(|row| (row.id, row)).collect())
    }

    fn transition(&self, entry: Entry, verdict: Verdict, now_ms: u64) -> Option<Transition> {
        let Verdict { event, lane } = verdict;
        let when = When { submission: Some(self.advancing.row.id), attempt: entry.attempt };
        let requeue = event == Event::Requeue;
        let transition = Transition::new(entry.job, when, event, now_ms).ok()?;
        let body = (requeue && !planted(Fault::PointerLost)).then(|| self.body_of(entry));
        Some(transition.with_body(body).with_lane(lane))
    }

    fn body_of(&self, entry: Entry) -> BodyAt {
        BodyAt { object: self.sealed.object.clone(), offset: entry.offset, length: u64::from(entry.length) }
    }

    /// Whether the job was requeued before: whoever did that may have died before sending (DESIGN rule 7). By now its
    /// deadline, its attempts or a wish may forbid what was allowed then, or a packer that woke up late with an old
    /// message may have claimed it for a submission that was abandoned long ago.
    fn may_lack_message(&self, one: &Found, row: &Job) -> bool {
        let lacks = match row.state {
            State::Queued => true,
            State::Packed { submission } => submission != self.advancing.row.id,
            State::Done(_) | State::Failed(_) | State::Cancelled | State::Expired => false,
        };
        lacks && row.attempt == one.entry.attempt + 1 && !planted(Fault::RequeueWithoutResend)
    }

    /// The message of a job that runs again, in another lane than its row's if one is given.
    fn message(&self, one: &Found, row: &Job, lane: Option<&Lane>) -> Message {
        let bytes = u64::from(one.entry.length);
        let mean = |sum: u64| sum.checked_div(self.sealed.size.requests).unwrap_or(0).max(u64::from(sum > 0));
        Message {
            job: row.id,
            attempt: one.entry.attempt + 1,
            tenant: row.tenant.clone(),
            lane: lane.unwrap_or(&row.lane).clone(),
            size: Size {
                requests: 1,
                bytes: bytes + (line::FRAME + row.lane.endpoint.path().len()) as u64,
                tokens: bytes.div_ceil(4),
                inputs: mean(self.sealed.size.inputs),
            },
            created_ms: row.created_ms,
            deadline_ms: row.deadline_ms,
            body: MessageBody::At(if planted(Fault::PointerLost) {
                BodyAt { object: ObjectName::from("nowhere"), offset: 0, length: 0 }
            } else {
                self.body_of(one.entry)
            }),
        }
    }

    async fn send(&mut self, messages: Vec<Message>) -> Result<(), StoreError> {
        if messages.is_empty() {
            return Ok(());
        }
        self.advancing.ports.intake.send(messages).await?;
        // After the messages: a drain that has seen the recall has received them. Whoever dies before it leaves the
        // submission collecting, and all of this is done again.
        recall(self.advancing.ports, &self.advancing.row.lane.class).await
    }
}
