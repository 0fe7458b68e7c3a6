//! Work: a worker takes chunks at the desk, has an engine answer their lines, and brings the answers.
//!
//! ```text
//! take ─► lines ─► engine, so many at once ─► answers ─► keep (checkpoint, lease) … ─► leave
//!   └─ the next chunk, when this one runs out
//! ```
//! Killed anywhere, it has lost the answers since its last checkpoint: whoever takes the chunk next has those lines
//! answered again, and no other.

mod answer;
mod held;
mod line;

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{self, Either};
use tokio::sync::watch;

use held::{Event, Held};

use crate::fleet::{Pace, Timing};
use crate::ports::{Ask, Clock, Desk, Engine};

/// Chunks held at once: one that runs, and one to go on with.
const HELD: usize = 2;

/// What is held is kept for an engine that is not ready for so long, milliseconds: longer than most take to load a model.
const ABSENT_MS: u64 = 300_000;

/// A worker.
#[derive(Clone)]
pub struct Worker {
    /// Where the work comes from.
    pub desk: Arc<dyn Desk>,
    /// What does it.
    pub engine: Arc<dyn Engine>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What was decided of it.
    pub rules: Rules,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// What was decided of a worker.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Its name, for operators.
    pub name: String,
    /// Calls at once at first: the engine's own limit, where it is known.
    pub first: u32,
    /// Calls at once at most.
    pub most: u32,
    /// Between two looks for work, and for an engine that is not ready, milliseconds.
    pub idle_ms: u64,
    /// Once told to end: how long calls that run may go on, milliseconds.
    pub grace_ms: u64,
    /// Of calls and checkpoints.
    pub timing: Timing,
}

/// What a worker has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Lines that were answered and stored.
    pub lines: u64,
    /// Of these those without success.
    pub failed: u64,
    /// Chunks that it left with every line answered.
    pub chunks: u64,
    /// Engine deaths that it saw.
    pub deaths: u64,
}

/// Works until it is told to stop; what it holds then is brought or given back.
pub async fn work(worker: &Worker, mut stopped: watch::Receiver<bool>) -> Done {
    let pace = Pace::new(worker.rules.first, worker.rules.most);
    let mut shift = Shift { worker, pace, absent_since_ms: None, done: Done::default() };
    let mut held: Vec<Held> = Vec::new();
    let mut models: Vec<String> = Vec::new();
    while !*stopped.borrow() {
        if models.is_empty() {
            models = shift.models().await;
            if models.is_empty() {
                shift.wait(&mut held, &mut stopped).await;
                continue;
            }
        }
        if held.len() < HELD && held.iter().all(Held::is_dry) {
            held.extend(shift.take(&models).await);
        }
        if held.is_empty() {
            shift.rest(worker.rules.idle_ms, &mut stopped).await;
            continue;
        }
        if shift.turn(&mut held, &mut stopped).await == Turned::EngineDied {
            models.clear();
        }
    }
    shift.leave(held).await;
    shift.done
}

/// What a turn ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turned {
    GoesOn,
    EngineDied,
}

/// A worker at work.
struct Shift<'a> {
    worker: &'a Worker,
    pace: Pace,
    /// Since when the engine is not ready.
    absent_since_ms: Option<u64>,
    done: Done,
}

impl Shift<'_> {
    /// The engine's models; none while it is not ready.
    async fn models(&mut self) -> Vec<String> {
        match self.worker.engine.serving().await {
            Ok(serving) if !serving.models.is_empty() => {
                self.absent_since_ms = None;
                return serving.models;
            }
            Ok(_) => waiting("it serves no model"),
            Err(error) => waiting(&error.0),
        }
        Vec::new()
    }

    /// Keeps what is held while the engine is not ready; after a while others may have it.
    async fn wait(&mut self, held: &mut Vec<Held>, stopped: &mut watch::Receiver<bool>) {
        let now_ms = self.worker.clock.now_ms();
        let since_ms = *self.absent_since_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(since_ms) >= ABSENT_MS {
            self.leave(std::mem::take(held)).await;
        }
        self.settle(held).await;
        self.rest(self.worker.rules.idle_ms, stopped).await;
    }

    async fn rest(&self, duration_ms: u64, stopped: &mut watch::Receiver<bool>) {
        unless_stopped(self.worker.clock.sleep_ms(duration_ms), stopped).await;
    }

    async fn take(&self, models: &[String]) -> Option<Held> {
        let ask = Ask { worker: self.worker.rules.name.clone(), models: models.to_vec() };
        match self.worker.desk.take(&ask).await {
            Ok(lease) => lease.map(|lease| Held::new(self.worker, lease)),
            Err(error) => {
                tracing::warn!(%error, "no work could be taken");
                None
            }
        }
    }

    /// Begins what may begin, waits for what comes first, and does what it asks for.
    async fn turn(&mut self, held: &mut Vec<Held>, stopped: &mut watch::Receiver<bool>) -> Turned {
        let (mut running, mut may_begin) = (held.iter().map(Held::running).sum::<usize>(), true);
        for chunk in held.iter_mut() {
            if !may_begin {
                chunk.wait();
                continue;
            }
            let others = running - chunk.running();
            chunk.fill(&mut self.pace, others).await;
            running = others + chunk.running();
            may_begin = chunk.is_dry();
        }
        let Some(event) = unless_stopped(held::next(self.worker, held), stopped).await else { return Turned::GoesOn };
        let is_doubtful = match event {
            Event::Called(index, ended) => held[index].called(*ended, &mut self.pace),
            Event::Due(index) => held.get_mut(index).is_some_and(Held::stalls),
        };
        let died = is_doubtful && self.engine_died(held).await;
        self.settle(held).await;
        if died { Turned::EngineDied } else { Turned::GoesOn }
    }

    /// Asks the engine whether it is there, and does what follows if it is not.
    async fn engine_died(&mut self, held: &mut [Held]) -> bool {
        let Err(error) = self.worker.engine.serving().await else { return false };
        tracing::error!(%error, "the engine died");
        self.done.deaths += 1;
        held.iter_mut().for_each(Held::engine_died);
        true
    }

    /// Stores what is due, and leaves chunks that are finished or lost.
    async fn settle(&mut self, held: &mut Vec<Held>) {
        let mut left = Vec::with_capacity(held.len());
        for mut chunk in held.drain(..) {
            if chunk.is_put_off() {
                left.push(chunk);
                continue;
            }
            let finished = chunk.is_finished();
            let gone = if finished { chunk.leave().await } else { chunk.keep().await };
            self.count(&mut chunk);
            self.done.chunks += u64::from(gone && finished);
            if !gone {
                left.push(chunk);
            }
        }
        *held = left;
    }

    fn count(&mut self, chunk: &mut Held) {
        let (lines, failed) = chunk.count();
        self.done.lines += lines;
        self.done.failed += failed;
    }

    /// Waits a while for calls that run, then brings what there is and gives the rest back. What cannot be given back is
    /// taken by others when its lease is over.
    async fn leave(&mut self, held: Vec<Held>) {
        let until_ms = self.worker.clock.now_ms() + self.worker.rules.grace_ms;
        for mut chunk in held {
            chunk.last_calls(until_ms, &mut self.pace).await;
            chunk.leave().await;
            self.count(&mut chunk);
        }
    }
}

/// What comes of it, unless it is time to stop before that.
async fn unless_stopped<T>(what: impl Future<Output = T>, stopped: &mut watch::Receiver<bool>) -> Option<T> {
    let stop = pin!(stopped.wait_for(|stopped| *stopped));
    match future::select(pin!(what), stop).await {
        Either::Left((came, _)) => Some(came),
        Either::Right(_) => None,
    }
}

/// Tells operators why nothing is done.
fn waiting(why: &str) {
    tracing::info!(why, "waiting for the engine");
}
