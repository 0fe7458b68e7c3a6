//! A worker's engine: answers by the request, fails at random, and dies: of a line, or by itself.

use std::collections::BTreeMap;
use std::future::pending;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::JobId;
use offpeak_core::ports::{self, Called, Clock, NotReady, Serving, Whose};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::input;
use super::ledger::Ledger;
use super::plan::Mood;
use crate::crash::switch::Switch;
use crate::crash::trace::Trace;
use crate::crash::weather::Weather;
use crate::fakes::TokioClock;

/// The models that every engine serves.
pub(super) const MODELS: [&str; 2] = ["model", OTHER];

/// A model that a provider has rates of its own for.
pub(super) const OTHER: &str = "other";

/// An engine. It outlives its worker's process.
#[derive(Clone)]
pub(super) struct Engine {
    /// Its worker's name.
    pub(super) name: String,
    pub(super) mood: Mood,
    /// Whose it is: one's own, or the provider's.
    pub(super) whose: Whose,
    /// Which submissions are live.
    pub(super) lives: Vec<bool>,
    pub(super) weather: Weather,
    pub(super) clock: TokioClock,
    pub(super) ledger: Ledger,
    pub(super) trace: Trace,
    pub(super) state: Arc<Mutex<State>>,
    /// Of all calls that run.
    pub(super) death: Switch,
}

/// How it is.
#[derive(Debug, Default)]
pub(super) struct State {
    /// When it is there again, Unix milliseconds.
    up_ms: u64,
    /// It died without closing its connections.
    silent: bool,
    calls: u64,
    running: BTreeMap<u64, JobId>,
}

#[derive(Deserialize)]
struct Request {
    model: String,
    q: String,
    kind: String,
}

/// A call that runs, until it is dropped.
struct Running {
    state: Arc<Mutex<State>>,
    call: u64,
}

impl Running {
    fn begin(state: &Arc<Mutex<State>>, line: JobId) -> Self {
        let mut now = state.lock();
        now.calls += 1;
        let call = now.calls;
        now.running.insert(call, line);
        Self { state: Arc::clone(state), call }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.state.lock().running.remove(&self.call);
    }
}

/// A call to a provider, which may run whoever waits for it: given up, it has failed.
struct Paid<'a> {
    ledger: &'a Ledger,
    line: JobId,
}

impl Drop for Paid<'_> {
    fn drop(&mut self) {
        self.ledger.with(|pages| pages.lines.entry(self.line).or_default().failed += 1);
    }
}

impl Engine {
    fn is_up(&self) -> bool {
        self.clock.now_ms() >= self.state.lock().up_ms
    }

    fn die(&self, of: Option<JobId>) {
        let random = &self.weather.random;
        let silent = random.chance(self.mood.silent);
        // A silent death is that of a machine, which is not soon replaced.
        let down_ms = random.between(if silent { 20_000 } else { 2_000 }, self.mood.restart_ms.max(25_000));
        let mut state = self.state.lock();
        state.up_ms = self.clock.now_ms() + down_ms;
        state.silent = silent;
        let running: Vec<JobId> = state.running.values().copied().collect();
        drop(state);
        self.trace.say(&self.name, || format!("its engine dies for {down_ms} ms, silent {silent}, of {of:?}"));
        self.ledger.with(|pages| {
            pages.deaths += 1;
            for line in &running {
                let ran = pages.lines.entry(*line).or_default();
                ran.alone += u64::from(running.len() == 1);
                ran.killed += u64::from(of == Some(*line));
            }
        });
        self.death.kill();
    }

    /// What comes of a call that nothing interrupts.
    async fn answer(&self, request: &Request, line: JobId) -> Called {
        let (weather, mood) = (&self.weather, &self.mood);
        weather.wait(20, 1_500).await;
        if self.whose == Whose::Provider && weather.strikes(mood.dying) {
            // Others do not reach it for a while; who has, gets an answer.
            self.state.lock().up_ms = self.clock.now_ms() + weather.random.between(2_000, mood.restart_ms.max(25_000));
        } else if request.kind == "deadly" || weather.strikes(mood.dying) {
            self.die((request.kind == "deadly").then_some(line));
            pending::<()>().await;
        }
        if weather.strikes(mood.hanging) {
            pending::<()>().await;
        }
        let said = |status, body: String| {
            let retry_after_ms = (status == 429 && self.whose == Whose::Provider).then_some(2_000);
            Called::Answered { status, body: Bytes::from(body), request_id: None, retry_after_ms }
        };
        if weather.strikes(mood.busy) {
            return said(if weather.random.chance(500) { 429 } else { 503 }, String::new());
        }
        if weather.strikes(mood.failing) {
            return match weather.random.between(0, 2) {
                0 => said(500, "oops".to_owned()),
                1 => said(200, r#"{"echo":"#.to_owned()),
                _ => Called::Broken("reset".to_owned()),
            };
        }
        self.ledger.with(|pages| pages.answers(&self.name, line, self.clock.now_ms()));
        if request.kind == "refused" {
            return said(400, r#"{"error":{"message":"no"}}"#.to_owned());
        }
        said(200, format!(r#"{{"echo":"{line}"}}"#))
    }

    async fn ask(&self, request: &Request, line: JobId, timeout_ms: u64) -> Called {
        if !self.is_up() {
            sleep(Duration::from_millis(5)).await;
            return Called::Unreached("refused".to_owned());
        }
        let _running = Running::begin(&self.state, line);
        let whole = Duration::from_millis(timeout_ms);
        match timeout(whole, self.death.until_death(Box::pin(self.answer(request, line)))).await {
            Ok(Some(called)) => called,
            Ok(None) if self.state.lock().silent => {
                sleep(whole).await;
                Called::TimedOut
            }
            Ok(None) => Called::Broken("reset".to_owned()),
            Err(_) => Called::TimedOut,
        }
    }
}

#[async_trait]
impl ports::Engine for Engine {
    fn whose(&self) -> Whose {
        self.whose
    }

    async fn serving(&self) -> Result<Serving, NotReady> {
        sleep(Duration::from_millis(5)).await;
        if !self.is_up() {
            return Err(NotReady::gone("it is dead"));
        }
        Ok(Serving { models: MODELS.map(str::to_owned).to_vec() })
    }

    async fn call(&self, _: Endpoint, body: Bytes, timeout_ms: u64) -> Called {
        let read = serde_json::from_slice::<Request>(&body).ok();
        let Some((line, request)) = read.and_then(|request| Some((request.q.parse().ok()?, request))) else {
            self.ledger.with(|pages| pages.wrong(format!("{} is asked {body:?}", self.name)));
            return Called::Broken("no request".to_owned());
        };
        let is_live = self.lives.get(input::number(line)).copied();
        self.ledger.with(|pages| {
            pages.begins(&self.name, line);
            if is_live != Some(self.whose == Whose::Provider) {
                pages.wrong(format!("{line} is run by {}, of another backend", self.name));
            } else if self.whose == Whose::Provider {
                pages.calls.push((self.clock.now_ms(), request.model == OTHER));
            }
        });
        let paid = (self.whose == Whose::Provider).then_some(Paid { ledger: &self.ledger, line });
        let called = self.ask(&request, line, timeout_ms).await;
        if let Some(paid) = paid {
            mem::forget(paid);
        }
        self.trace.say(&self.name, || format!("{line}: {called:?}"));
        self.ledger.with(|pages| {
            let ran = pages.lines.entry(line).or_default();
            match &called {
                Called::Answered { status: 429 | 503, .. } => ran.too_much += 1,
                Called::Answered { status: 500, .. }
                | Called::TimedOut
                | Called::TooLong { .. }
                | Called::Broken(_)
                | Called::Unreached(_) => {
                    ran.failed += 1;
                }
                Called::Answered { body, .. } => ran.failed += u64::from(!body.ends_with(b"}")),
            }
        });
        called
    }
}
