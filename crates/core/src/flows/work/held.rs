//! A chunk that is held: its lines, the calls that run, the answers that are not stored yet.

mod report;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::Worker;
use super::answer::{Answer, Verdict, killed_it, tokens, unanswered, verdict};
use super::line::Line;
use super::load::{Begun, Later, Load};
use super::unstored::Unstored;
use crate::faults::{Fault, planted};
use crate::fleet::{ChunkId, Tried};
use crate::flows::lines::Lines;
use crate::ids::JobId;
use crate::ports::{Called, Checkpoint, Lease, Standing, StoreError, Whose};

/// A line is put off so often for an engine that has too much to do, before that is its answer.
const PUT_OFF: u32 = 50;

/// Lines are asked for so often in a row before others may try.
const READS: u32 = 3;

/// The longest pause between two tries, milliseconds.
const LONGEST_PAUSE_MS: u64 = 30_000;

/// An engine that dies may fail calls for so long before it is gone, milliseconds.
const DYING_MS: u64 = 10_000;

/// Without any answer for so long an engine is asked whether it is there, milliseconds.
const STALL_MS: u64 = 15_000;

/// A provider that nobody reaches is left alone for so long, milliseconds.
const AWAY_MS: u64 = 5_000;

/// A call that has ended: its line, how it began, what came of it.
pub(super) struct Ended {
    line: Line,
    begun: Begun,
    called: Called,
}

/// A chunk that is held.
pub(super) struct Held {
    worker: Worker,
    lease: Lease,
    standing: Standing,
    lines: Option<Lines>,
    /// Lines that were begun: where they have to be asked for again, these come again.
    begun: BTreeSet<JobId>,
    /// How often in a row they could not be read.
    unread: u32,
    /// Every line was begun, or no more can be.
    read: bool,
    /// Its lines could not be read.
    unreadable: bool,
    /// The line that begins next, and what it waits for.
    next: Option<(Later, Line)>,
    /// Lines that run again, and when each is due.
    again: Vec<(u64, Line)>,
    /// Lines that run alone, once all others have their answers.
    alone: VecDeque<Line>,
    calls: FuturesUnordered<BoxFuture<'static, Ended>>,
    running: Vec<Line>,
    /// Lines without an answer of which one may kill the engine, whether they were read or not.
    suspects: BTreeSet<JobId>,
    /// Lines that a provider was asked for in vain, whether they were read or not.
    tried: BTreeMap<JobId, Tried>,
    /// It may begin no line, though one be due: first a call has to end.
    is_full: bool,
    unstored: Unstored,
    /// The checkpoint whose reply is not known.
    pending: Option<Checkpoint>,
    checkpoints: u32,
    kept_ms: u64,
    /// The desk did not answer, and is not asked before that.
    asked_ms: u64,
    /// When a call ended last.
    heard_ms: u64,
    /// Lines stored, and those of them without success, that nobody has counted.
    uncounted: (u64, u64),
}

impl Held {
    pub(super) fn new(worker: &Worker, lease: Lease) -> Self {
        let now_ms = worker.clock.now_ms();
        tracing::info!(chunk = %lease.chunk, attempt = lease.attempt, lines = lease.lines, "a chunk is taken");
        Self {
            worker: worker.clone(),
            suspects: lease.suspects.iter().copied().collect(),
            tried: lease.tried.iter().map(|tried| (tried.line, *tried)).collect(),
            lease,
            standing: Standing::Held,
            lines: None,
            begun: BTreeSet::new(),
            unread: 0,
            read: false,
            unreadable: false,
            next: None,
            again: Vec::new(),
            alone: VecDeque::new(),
            calls: FuturesUnordered::new(),
            running: Vec::new(),
            is_full: false,
            unstored: Unstored::default(),
            pending: None,
            checkpoints: 0,
            kept_ms: now_ms,
            asked_ms: 0,
            heard_ms: now_ms,
            uncounted: (0, 0),
        }
    }

    /// Whether it has no line that could begin, and none that runs alone: the next chunk may. What a provider is asked for
    /// again later keeps no other waiting.
    pub(super) fn is_dry(&self) -> bool {
        let runs_alone = || self.running.iter().any(|line| line.suspect) && !planted(Fault::AloneInACrowd);
        let now_ms = self.worker.clock.now_ms();
        let is_later = |due_ms: u64| due_ms > now_ms && self.worker.engine.whose() == Whose::Provider;
        let none_again = || self.again.iter().all(|(due_ms, _)| is_later(*due_ms));
        self.standing != Standing::Held || (self.is_begun() && none_again() && !runs_alone())
    }

    /// Its model, where its next line waits for the rates of that model alone: chunks of others may begin.
    pub(super) fn waiting_model(&self) -> Option<&str> {
        let waits = self.standing == Standing::Held && self.next.as_ref().is_some_and(|(later, _)| later.of_model);
        waits.then_some(self.lease.model.as_str())
    }

    /// Its model, as the engine calls it.
    pub(super) fn model(&self) -> &str {
        &self.lease.model
    }

    /// Whether every line was begun, those that run again apart.
    fn is_begun(&self) -> bool {
        self.read && self.next.is_none() && self.alone.is_empty()
    }

    /// How many of its lines run.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Whether calls run whose end can still come.
    pub(super) fn is_calling(&self) -> bool {
        !self.calls.is_empty()
    }

    /// The next of its calls that has ended.
    pub(super) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Option<Ended>> {
        self.calls.poll_next_unpin(context)
    }

    /// The same worker has taken the chunk anew: this may write no more. Tries of a provider count on.
    pub(super) fn give_way(&mut self, anew: &mut Self) {
        self.cut();
        for tried in std::mem::take(&mut self.tried).into_values() {
            let known = anew.tried.entry(tried.line).or_insert(tried);
            known.failed = known.failed.max(tried.failed);
        }
    }

    /// Whether others may have it, or the desk has not said: it is told of it before more is taken.
    pub(super) fn is_doubtful(&self) -> bool {
        let now_ms = self.worker.clock.now_ms();
        now_ms < self.asked_ms || now_ms >= self.sure_ms()
    }

    fn drop_lines(&mut self) {
        self.calls.clear();
        self.running.clear();
        self.next = None;
        self.again.clear();
        self.alone.clear();
    }

    /// Which chunk it is.
    pub(super) const fn chunk(&self) -> ChunkId {
        self.lease.chunk
    }

    /// Has it begin no line before a call has ended.
    pub(super) const fn wait(&mut self) {
        self.is_full = true;
    }

    /// Whether the desk has just not answered, and is left alone for a while.
    pub(super) fn is_put_off(&self) -> bool {
        self.worker.clock.now_ms() < self.asked_ms
    }

    /// Whether nothing of it is left to run.
    pub(super) fn is_finished(&self) -> bool {
        let none_left = || self.is_begun() && self.again.is_empty();
        self.running.is_empty() && (self.standing != Standing::Held || none_left())
    }

    /// Begins as many lines as the engine takes beside so many of other chunks, and its provider within the minute.
    pub(super) async fn fill(&mut self, load: &mut Load, others: usize) {
        while self.standing == Standing::Held && others + self.running.len() < load.limit() {
            let now_ms = self.worker.clock.now_ms();
            let line = match self.due_line(now_ms) {
                Some(line) => line,
                None => match self.next_line().await {
                    Some(line) => line,
                    None => break,
                },
            };
            if line.suspect {
                self.alone.push_back(line);
            } else if !self.begin(line, load) {
                break;
            }
        }
        self.is_full = others + self.running.len() >= load.limit();
        let crowd = (others > 0 && !planted(Fault::AloneInACrowd))
            || !self.running.is_empty()
            || !self.again.is_empty()
            || self.next.is_some()
            || !self.read;
        if !crowd && let Some(line) = self.alone.pop_front() {
            self.begin(line, load);
        }
    }

    /// The line that could not begin before, or one that runs again and is due.
    fn due_line(&mut self, now_ms: u64) -> Option<Line> {
        if let Some((_, line)) = self.next.take() {
            return Some(line);
        }
        let at = self.again.iter().position(|(due_ms, _)| *due_ms <= now_ms)?;
        Some(self.again.swap_remove(at).1)
    }

    /// The next line that has no answer.
    async fn next_line(&mut self) -> Option<Line> {
        while !self.read {
            match self.read_line().await {
                Ok(Some(line)) if self.begun.insert(line.id) => {
                    self.unread = 0;
                    return Some(line);
                }
                Ok(Some(_)) => {}
                Ok(None) => self.read = true,
                Err(error) => {
                    self.warn("its lines could not be read", &error);
                    self.lines = None;
                    self.unread += 1;
                    (self.read, self.unreadable) = (self.unread >= READS, self.unread >= READS);
                }
            }
        }
        None
    }

    /// Tells operators of what failed.
    fn warn(&self, what: &'static str, error: &StoreError) {
        tracing::warn!(chunk = %self.lease.chunk, attempt = self.lease.attempt, %error, "{what}");
    }

    async fn read_line(&mut self) -> Result<Option<Line>, StoreError> {
        let lines = match &mut self.lines {
            Some(lines) => lines,
            none @ None => none.insert(Lines::of(self.worker.desk.lines(&self.lease).await?)),
        };
        let Some(line) = lines.next().await? else { return Ok(None) };
        let read = Line::read(&line.bytes, &self.lease, &self.tried);
        read.map(Some).ok_or_else(|| StoreError::Corrupt("a sealed line is no request".to_owned()))
    }

    /// Begins a line, unless it has to wait for its minute: then `false`.
    fn begin(&mut self, line: Line, load: &mut Load) -> bool {
        let (worker, endpoint) = (self.worker.clone(), self.lease.endpoint);
        let now_ms = worker.clock.now_ms();
        let begun = match load.begin(&self.lease.model, line.tokens, now_ms) {
            Ok(begun) => begun,
            Err(later) => {
                self.next = Some((later, line));
                return false;
            }
        };
        if self.running.is_empty() {
            self.heard_ms = now_ms;
        }
        self.running.push(line.clone());
        self.calls.push(Box::pin(async move {
            let called = worker.engine.call(endpoint, line.body.clone(), worker.rules.timing.call_ms).await;
            Ended { line, begun, called }
        }));
        true
    }

    /// Takes what came of a call; whether the engine may be dying.
    pub(super) fn called(&mut self, ended: Ended, load: &mut Load) -> bool {
        let Ended { line, begun, called } = ended;
        let (now_ms, whose) = (self.worker.clock.now_ms(), self.worker.engine.whose());
        self.heard_ms = now_ms;
        self.running.retain(|running| running.id != line.id);
        // What never got there has not killed it.
        let failed_ms = if matches!(called, Called::Unreached(_)) { line.failed_ms } else { now_ms };
        if matches!(called, Called::TimedOut) {
            load.was_too_long(begun);
        }
        match &called {
            Called::Answered { body, .. } => load.answered(body.len()),
            Called::TooLong { most } => load.answered(*most),
            Called::TimedOut | Called::Broken(_) | Called::Unreached(_) => {}
        }
        if load.counts_tokens()
            && let Some(tokens) = tokens(&called)
        {
            load.took(&self.lease.model, begun, tokens);
        }
        match verdict(called, whose) {
            Verdict::Answered(answer) => {
                load.pace.went_well();
                self.answer(&line, &answer);
                false
            }
            Verdict::TooMuch { pause_ms, answer } => {
                // What a provider says of one line holds for all that share its rates.
                let hold_ms = pause_ms.filter(|_| whose == Whose::Provider);
                load.was_too_much(&self.lease.model, begun, hold_ms, now_ms);
                self.retry(Line { put_off: line.put_off + 1, ..line }, pause_ms, &answer);
                false
            }
            Verdict::Failed { pause_ms, answer } => {
                self.retry(Line { failed: line.failed + 1, failed_ms, ..line }, pause_ms, &answer);
                true
            }
            Verdict::GivenUp { answer } => {
                self.retry(Line { failed: line.failed + 1, ..line }, None, &answer);
                true
            }
            Verdict::Away { why } => {
                tracing::warn!(chunk = %self.lease.chunk, why, "the provider is not reached");
                load.was_away(begun, AWAY_MS, now_ms);
                self.again.push((now_ms + AWAY_MS, line));
                false
            }
        }
    }

    /// Has a line run again, unless its tries are spent.
    fn retry(&mut self, line: Line, pause_ms: Option<u64>, answer: &Answer) {
        let timing = &self.worker.rules.timing;
        if self.worker.engine.whose() == Whose::Provider {
            let Line { id, failed, put_off, .. } = line;
            self.tried.insert(id, Tried { line: id, failed, put_off });
        }
        if line.failed >= timing.tries || line.put_off >= PUT_OFF {
            self.answer(&line, answer);
            return;
        }
        let doubled_ms = timing.pause_ms << (line.failed + line.put_off).saturating_sub(1).min(10);
        let pause_ms = pause_ms.unwrap_or(0).max(doubled_ms).min(LONGEST_PAUSE_MS);
        self.again.push((self.worker.clock.now_ms() + pause_ms, line));
    }

    fn answer(&mut self, line: &Line, answer: &Answer) {
        self.suspects.remove(&line.id);
        self.tried.remove(&line.id);
        let most = self.report_bytes();
        self.unstored.add(line, answer, most, self.worker.clock.now_ms());
    }

    /// The engine is dead. Calls that run are of no use, and one of them, or of those that just failed, may have killed it:
    /// such lines run alone from now on. One that ran alone when it died is not called again.
    pub(super) fn engine_died(&mut self) {
        self.calls.clear();
        let now_ms = self.worker.clock.now_ms();
        let just_failed =
            |(_, line): &mut (u64, Line)| line.failed > 0 && now_ms.saturating_sub(line.failed_ms) <= DYING_MS;
        let failed: Vec<_> = self.again.extract_if(.., just_failed).map(|(_, line)| line).collect();
        for line in std::mem::take(&mut self.running).into_iter().chain(failed) {
            if line.suspect && !planted(Fault::KillerRunsAgain) {
                self.answer(&line, &killed_it());
            } else {
                self.suspects.insert(line.id);
                self.alone.push_back(Line { suspect: true, failed: 0, ..line });
            }
        }
    }

    /// Gives it up if the engine serves its model no more: others may.
    pub(super) fn served_by(&mut self, models: &[String]) {
        if models.contains(&self.lease.model) {
            return;
        }
        tracing::warn!(chunk = %self.lease.chunk, model = self.lease.model, "the engine does not serve its model any more");
        self.drop_lines();
        (self.read, self.unreadable) = (true, true);
    }

    /// Whether calls run of which none has ended for so long that the engine may be gone, their connections open.
    pub(super) fn stalls(&mut self) -> bool {
        let now_ms = self.worker.clock.now_ms();
        let stalls = !self.running.is_empty() && now_ms.saturating_sub(self.heard_ms) >= STALL_MS;
        if stalls {
            self.heard_ms = now_ms;
        }
        stalls
    }

    /// When something of it is due: a line, a checkpoint, its lease, a look at a silent engine.
    pub(super) fn due_ms(&self) -> u64 {
        let lease_ms = self.kept_ms + self.lease.lease_ms / 3;
        let checkpoint_ms = self.unstored.since_ms.map(|since_ms| since_ms + self.lease.checkpoint_ms);
        // Those that are due meanwhile wait behind the next one.
        let next_ms = self.next.as_ref().map(|(later, _)| later.first_ms);
        let line_ms = next_ms.or_else(|| self.again.iter().map(|(due_ms, _)| *due_ms).min());
        let line_ms = line_ms.filter(|_| !self.is_full);
        let silent_ms = (!self.running.is_empty()).then_some(self.heard_ms + STALL_MS);
        let desk_ms = checkpoint_ms.map_or(lease_ms, |due_ms| due_ms.min(lease_ms)).max(self.asked_ms);
        [line_ms, silent_ms].into_iter().flatten().fold(desk_ms, u64::min)
    }

    /// Lines that were stored since this was asked last, and those of them without success.
    pub(super) fn count(&mut self) -> (u64, u64) {
        std::mem::take(&mut self.uncounted)
    }

    /// Until when it is surely held, Unix milliseconds.
    pub(super) fn sure_ms(&self) -> u64 {
        self.kept_ms + self.lease.lease_ms / 3 * 2
    }

    /// Gives up what runs. A provider has been asked for it, and may be paid: that was one of its tries.
    pub(super) fn cut(&mut self) {
        self.calls.clear();
        if self.worker.engine.whose() == Whose::Own {
            return;
        }
        for line in std::mem::take(&mut self.running) {
            let line = Line { failed: line.failed + 1, ..line };
            self.retry(line, None, &unanswered(Whose::Provider));
        }
    }
}
