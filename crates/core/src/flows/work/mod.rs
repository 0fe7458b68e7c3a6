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
mod load;
mod unstored;
mod wait;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{self, Either};
use tokio::sync::watch;

use held::Held;
use load::Load;
use wait::Event;

use crate::faults::{Fault, planted};
use crate::fleet::{Pace, Rates, Timing};
use crate::ports::{Ask, Clock, Desk, Engine, NotReady, StoreError, Whose};
use crate::route::ByModel;

/// Chunks held at once of an own engine: one that runs, and one to go on with.
const HELD: usize = 2;

/// Of a provider, which takes a crowd: chunks with a line or two each come in as calls may begin, and a slow line holds up
/// no other.
const HELD_OF_PROVIDER: usize = 64;

/// Those of models that wait for their rates included.
const HELD_IN_ALL: usize = 4 * HELD_OF_PROVIDER;

/// What is held is kept for an engine that is not ready for so long, milliseconds: longer than most take to load a model.
const ABSENT_MS: u64 = 300_000;

/// Looks for more of a provider's chunks while some are held become as rare as this, milliseconds.
const RARE_MS: u64 = 5_000;

/// A desk that does not answer is asked again after so long, and twice as long each time, milliseconds: a gateway that was
/// away has its workers back within seconds.
const DEAF_MS: RangeInclusive<u64> = 2_000..=10_000;

/// An engine that does not say whether it is ready is asked again after so long, milliseconds.
const SILENT_MS: u64 = 2_000;

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
    /// Calls and tokens that may begin within a minute.
    pub rates: Rates,
    /// The same of single models, beside those.
    pub rates_by_model: ByModel<Rates>,
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
    /// Chunks of which it left nothing to run.
    pub chunks: u64,
    /// Engine deaths that it saw.
    pub deaths: u64,
}

/// When a worker ends.
#[derive(Debug)]
pub struct Until {
    /// It stops: what it holds is brought or given back.
    pub stopped: watch::Receiver<bool>,
    /// It takes no more, and ends once it holds nothing. Of a provider it asks for no line more either: who is cut off at
    /// the end has to be asked, and paid, again.
    pub finishing: watch::Receiver<bool>,
    /// Its engine was ready and it has found nothing to take for so long, milliseconds; none: it stays.
    pub idle_ms: Option<u64>,
}

/// Works until it is told to stop; what it holds then is brought or given back.
pub async fn work(worker: &Worker, stopped: watch::Receiver<bool>) -> Done {
    work_until(worker, Until { stopped, finishing: watch::channel(false).1, idle_ms: None }).await
}

/// The same until any of these.
pub async fn work_until(worker: &Worker, until: Until) -> Done {
    let Until { mut stopped, finishing, idle_ms } = until;
    let Rules { first, most, rates, .. } = worker.rules;
    let by_model = worker.rules.rates_by_model.clone();
    let load = Load::new(Pace::new(first, most), rates, by_model, worker.clock.now_ms());
    let mut shift = Shift {
        worker,
        load,
        absent_since_ms: None,
        idle_since_ms: None,
        ask_ms: 0,
        pause_ms: 0,
        done: Done::default(),
    };
    let mut held: Vec<Held> = Vec::new();
    while !*stopped.borrow() {
        if shift.is_away().await {
            shift.wait(&mut held, &mut stopped).await;
            continue;
        }
        let is_finishing = *finishing.borrow() && !planted(Fault::TakesAfterNotice);
        if is_finishing && worker.engine.whose() == Whose::Provider {
            shift.finish(&mut held).await;
        }
        if is_finishing && held.is_empty() {
            break;
        }
        if !is_finishing && shift.has_room(&held) {
            let taken = shift.take(held.is_empty(), full_models(&held)).await;
            shift.join(&mut held, taken);
        }
        if shift.is_idle_for(&held, idle_ms) {
            break;
        }
        if held.is_empty() {
            shift.rest(worker.rules.idle_ms, &mut stopped).await;
        } else {
            shift.turn(&mut held, &mut stopped, is_finishing).await;
        }
    }
    shift.leave(held).await;
    shift.done
}

/// A worker at work.
struct Shift<'a> {
    worker: &'a Worker,
    load: Load,
    /// Since when the engine is not ready.
    absent_since_ms: Option<u64>,
    /// Since when the engine is ready and there is nothing to take.
    idle_since_ms: Option<u64>,
    /// The desk had nothing, and is not asked before that.
    ask_ms: u64,
    /// How long it was left alone the last time it gave nothing, milliseconds; 0 once it gave something.
    pause_ms: u64,
    done: Done,
}

impl Shift<'_> {
    /// Whether the engine was not ready, and still is not.
    async fn is_away(&mut self) -> bool {
        if self.absent_since_ms.is_none() {
            return false;
        }
        match self.worker.engine.serving().await {
            Ok(_) => self.absent_since_ms = None,
            Err(error) => waiting(&error.why),
        }
        self.absent_since_ms.is_some()
    }

    /// Whether it has found nothing for so long.
    fn is_idle_for(&mut self, held: &[Held], idle_ms: Option<u64>) -> bool {
        if !held.is_empty() || self.absent_since_ms.is_some() {
            self.idle_since_ms = None;
        }
        let Some((since_ms, idle_ms)) = self.idle_since_ms.zip(idle_ms) else { return false };
        self.worker.clock.now_ms().saturating_sub(since_ms) >= idle_ms
    }

    /// Keeps what is held while the engine is not ready; after a while others may have it.
    async fn wait(&mut self, held: &mut Vec<Held>, stopped: &mut watch::Receiver<bool>) {
        let since_ms = self.absent_since_ms.unwrap_or(u64::MAX);
        if self.worker.clock.now_ms().saturating_sub(since_ms) >= ABSENT_MS {
            self.leave(std::mem::take(held)).await;
        }
        self.settle(held).await;
        self.rest(self.worker.rules.idle_ms, stopped).await;
    }

    async fn rest(&self, duration_ms: u64, stopped: &mut watch::Receiver<bool>) {
        unless_stopped(self.worker.clock.sleep_ms(duration_ms), stopped).await;
    }

    /// What the engine serves now; a provider is not asked, and there is no end to its list.
    async fn served(&self) -> Result<Vec<String>, NotReady> {
        match self.worker.engine.whose() {
            Whose::Own => self.worker.engine.serving().await.map(|serving| serving.models),
            Whose::Provider => Ok(Vec::new()),
        }
    }

    /// The next chunk of what the engine serves now, but of none of these models: it may have been started again with
    /// something else.
    async fn take(&mut self, is_idle: bool, full: BTreeSet<String>) -> Option<Held> {
        let now_ms = self.worker.clock.now_ms();
        if now_ms < self.ask_ms {
            return None;
        }
        self.ask_ms = now_ms.saturating_add(self.worker.rules.idle_ms);
        let models = match self.served().await {
            Ok(models) => models,
            Err(error) => {
                waiting(&error.why);
                self.absent_since_ms = is_idle.then_some(now_ms);
                return None;
            }
        };
        let worker = self.worker.rules.name.clone();
        match self.worker.desk.take(&Ask { worker, models, full }).await {
            Ok(Some(lease)) => {
                (self.ask_ms, self.pause_ms) = (0, 0);
                Some(Held::new(self.worker, lease))
            }
            Ok(None) => {
                self.idle_since_ms.get_or_insert(now_ms);
                let is_busy = !is_idle && self.worker.engine.whose() == Whose::Provider;
                let least_ms = self.worker.rules.idle_ms;
                self.pause_ms =
                    if is_busy { (self.pause_ms * 2).clamp(least_ms, RARE_MS.max(least_ms)) } else { least_ms };
                self.ask_ms = now_ms.saturating_add(self.pause_ms);
                None
            }
            Err(error) => {
                not_taken(&error);
                // Nobody said that there is nothing.
                self.idle_since_ms = None;
                self.pause_ms = (self.pause_ms * 2).clamp(*DEAF_MS.start(), *DEAF_MS.end());
                self.ask_ms = now_ms.saturating_add(self.pause_ms);
                None
            }
        }
    }

    /// Holds what was taken, and no more what was held of the same chunk.
    fn join(&mut self, held: &mut Vec<Held>, mut taken: Option<Held>) {
        if let Some(taken) = taken.as_mut().filter(|_| !planted(Fault::HeldTwice)) {
            let id = taken.chunk();
            for mut before in held.extract_if(.., |chunk| chunk.chunk() == id) {
                before.give_way(taken);
                self.count(&mut before);
            }
        }
        held.extend(taken);
    }

    /// Whether a chunk more could begin something.
    fn has_room(&self, held: &[Held]) -> bool {
        if held.iter().any(Held::is_doubtful) && !planted(Fault::HeldTwice) {
            return false;
        }
        if self.worker.engine.whose() == Whose::Own {
            return held.len() < HELD && held.iter().all(Held::is_dry);
        }
        let full = full_models(held);
        let mut others = held.iter().filter(|chunk| !full.contains(chunk.model()));
        held.len() < HELD_IN_ALL && others.clone().count() < HELD_OF_PROVIDER && others.all(Held::is_dry)
    }

    /// Brings what does not run, and gives the rest of it back. What the desk does not hear of stays held.
    async fn finish(&mut self, held: &mut Vec<Held>) {
        let is_idle = |chunk: &Held| chunk.running() == 0 && !chunk.is_put_off();
        let (mut idle, mut rest): (Vec<_>, Vec<_>) = std::mem::take(held).into_iter().partition(is_idle);
        let gone = self.give(&mut idle).await;
        rest.extend(idle.into_iter().zip(gone).filter_map(|(chunk, gone)| (!gone).then_some(chunk)));
        *held = rest;
    }

    /// Begins what may begin, waits for what comes first, and does what it asks for.
    async fn turn(&mut self, held: &mut Vec<Held>, stopped: &mut watch::Receiver<bool>, is_finishing: bool) {
        let is_provider = self.worker.engine.whose() == Whose::Provider;
        let may_begin = !(is_finishing && is_provider);
        let has_room = self.fill(held, may_begin).await && !is_finishing && is_provider && self.has_room(held);
        let ask_ms = if has_room { self.ask_ms } else { u64::MAX };
        let Some(event) = unless_stopped(wait::next(self.worker, held, ask_ms), stopped).await else { return };
        let is_doubtful = match event {
            Some(Event::Called(index, ended)) => held[index].called(*ended, &mut self.load),
            Some(Event::Due(index)) => held.get_mut(index).is_some_and(Held::stalls),
            None => false,
        };
        if is_doubtful && self.worker.engine.whose() == Whose::Own {
            self.look(held).await;
        }
        self.settle(held).await;
    }

    /// Begins what may begin; whether more could. A model that waits for its rates holds up no other.
    async fn fill(&mut self, held: &mut [Held], mut may_begin: bool) -> bool {
        let mut running = held.iter().map(Held::running).sum::<usize>();
        let mut full = BTreeSet::new();
        for chunk in held.iter_mut() {
            if !may_begin || full.contains(chunk.model()) {
                chunk.wait();
                continue;
            }
            let others = running - chunk.running();
            chunk.fill(&mut self.load, others).await;
            running = others + chunk.running();
            match chunk.waiting_model() {
                Some(model) => {
                    full.insert(model.to_owned());
                }
                None => may_begin = chunk.is_dry(),
            }
        }
        may_begin && running < self.load.limit()
    }

    /// Asks the engine whether it is there and what it serves, and does what follows. One that only does not say gets a
    /// moment: it may be busy.
    async fn look(&mut self, held: &mut [Held]) {
        let mut serving = self.worker.engine.serving().await;
        if serving.as_ref().is_err_and(|error| error.is_silent) {
            self.worker.clock.sleep_ms(SILENT_MS).await;
            serving = self.worker.engine.serving().await;
        }
        match serving {
            Ok(serving) => held.iter_mut().for_each(|chunk| chunk.served_by(&serving.models)),
            Err(error) => {
                died(&error.why);
                self.worker.engine.gave_out();
                self.absent_since_ms = Some(self.worker.clock.now_ms());
                self.done.deaths += 1;
                held.iter_mut().for_each(Held::engine_died);
            }
        }
    }

    /// Stores what is due, and leaves chunks that are finished or lost.
    async fn settle(&mut self, held: &mut Vec<Held>) {
        let settled = held.iter_mut().map(async |chunk| {
            if chunk.is_put_off() {
                return (false, false);
            }
            let finished = chunk.is_finished();
            (if finished { chunk.leave().await } else { chunk.keep().await }, finished)
        });
        let settled = future::join_all(settled).await;
        let mut left = Vec::with_capacity(held.len());
        for (mut chunk, (gone, finished)) in held.drain(..).zip(settled) {
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
    async fn leave(&mut self, mut held: Vec<Held>) {
        let until_ms = self.worker.clock.now_ms().saturating_add(self.worker.rules.grace_ms);
        // What was not begun is somebody else's at once.
        self.finish(&mut held).await;
        wait::last_calls(self.worker, &mut held, until_ms, &mut self.load).await;
        self.give(&mut held).await;
    }

    /// Brings what there is and gives the rest back; of which chunks the desk has heard.
    async fn give(&mut self, held: &mut [Held]) -> Vec<bool> {
        let gone = future::join_all(held.iter_mut().map(Held::leave)).await;
        for (chunk, gone) in held.iter_mut().zip(&gone) {
            self.count(chunk);
            self.done.chunks += u64::from(*gone && chunk.is_finished());
        }
        gone
    }
}

/// Models of which a line waits for rates of their own: no other chunk of theirs could begin one.
fn full_models(held: &[Held]) -> BTreeSet<String> {
    held.iter().filter_map(Held::waiting_model).map(str::to_owned).collect()
}

/// What comes of it, unless it is time to stop before that.
async fn unless_stopped<T>(what: impl Future<Output = T>, stopped: &mut watch::Receiver<bool>) -> Option<T> {
    let stop = pin!(stopped.wait_for(|stopped| *stopped));
    match future::select(pin!(what), stop).await {
        Either::Left((came, _)) => Some(came),
        Either::Right(_) => None,
    }
}

/// Tells operators that what ran is lost.
fn died(why: &str) {
    tracing::error!(why, "the engine died");
}

fn not_taken(error: &StoreError) {
    tracing::warn!(%error, "no work could be taken");
}

/// Tells operators why nothing is done.
fn waiting(why: &str) {
    tracing::info!(why, "waiting for the engine");
}
