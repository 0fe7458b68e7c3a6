//! Live calls: a provider's ordinary endpoints, and the function that calls them. It dies of a call to them as of any
//! other.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use offpeak_aws::{Store, SystemClock};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::fleet::{self, Queue, Rates, Timing};
use offpeak_core::flows::fleet::{Fleet, Stores};
use offpeak_core::flows::work::{Rules, Worker};
use offpeak_core::ports::{Called, Chunks as _, Clock as _, Engine, NotReady, Serving, Whose};
use offpeak_core::route::ByModel;
use offpeak_live::handler::handle;
use offpeak_tests_aws::{Process, Side};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::INVOCATION_MS;
use super::site::{PROVIDER, Reach, Site};

/// Answers come in three waves, so far apart, milliseconds: some are stored while others are awaited.
const WAVE_MS: u64 = 100;

/// A provider's ordinary endpoints, which outlive every process. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Endpoints(Arc<Book>);

#[derive(Default)]
struct Book {
    /// The call at which who makes it dies, from 1.
    at: Option<(u64, Side)>,
    calls: AtomicU64,
    /// How often each question was asked.
    asked: Mutex<BTreeMap<String, u64>>,
    /// Answers that died with who had asked.
    lost: AtomicU64,
    /// Where it died.
    died: Mutex<Option<String>>,
}

/// What unwinds a process.
struct Death;

impl Endpoints {
    /// Who makes the call of this number, from 1, dies of it.
    pub(crate) fn deadly(call: u64, side: Side) -> Self {
        Self(Arc::new(Book { at: Some((call, side)), ..Book::default() }))
    }

    /// How often each question was asked.
    pub(crate) fn asked(&self) -> BTreeMap<String, u64> {
        self.0.asked.lock().clone()
    }

    /// Who had asked has died, and only so many of the answers are stored.
    pub(crate) fn lose(&self, stored: u64) {
        let asked = self.0.asked.lock().len() as u64;
        self.0.lost.fetch_add(asked.saturating_sub(stored), Ordering::Relaxed);
    }

    /// Answers that died with who had asked.
    pub(crate) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// The call at which somebody died, if one has.
    pub(crate) fn died(&self) -> Option<String> {
        self.0.died.lock().clone()
    }

    /// A tick of the function that makes live calls, which is this process; whether it lived.
    pub(crate) fn tick(&self, site: &Site, process: &Process) -> bool {
        let life = || process.live(async { self.called_by(&site.reach(process).await).await });
        match catch_unwind(AssertUnwindSafe(life)) {
            Ok(done) => done.is_some(),
            Err(death) if death.is::<Death>() => false,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// One invocation.
    async fn called_by(&self, reach: &Reach) {
        let calls = calls(&reach.store).unwrap();
        let (desk, engine) = (Arc::new(calls.desk()), Arc::new(self.clone()));
        let worker = Worker { desk, engine, clock: Arc::new(SystemClock), rules: rules() };
        handle(&[worker], SystemClock.now_ms() + INVOCATION_MS).await;
    }

    fn pass(&self, call: u64, side: Side) {
        if self.0.at == Some((call, side)) {
            *self.0.died.lock() = Some(format!("{side:?} call {call} of the provider"));
            resume_unwind(Box::new(Death));
        }
    }
}

#[async_trait]
impl Engine for Endpoints {
    fn whose(&self) -> Whose {
        Whose::Provider
    }

    async fn serving(&self) -> Result<Serving, NotReady> {
        Ok(Serving::default())
    }

    async fn call(&self, _: Endpoint, body: Bytes, _: u64) -> Called {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let question = body["q"].as_str().unwrap().to_owned();
        let call = self.0.calls.fetch_add(1, Ordering::Relaxed) + 1;
        self.pass(call, Side::Before);
        *self.0.asked.lock().entry(question.clone()).or_default() += 1;
        sleep(Duration::from_millis((call % 3) * WAVE_MS)).await;
        self.pass(call, Side::After);
        let usage = json!({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7});
        let answer = json!({"object": "chat.completion", "echo": question, "choices": [], "usage": usage});
        Called::Answered { status: 200, body: answer.to_string().into(), request_id: None, retry_after_ms: None }
    }
}

/// Where live calls wait, if there can be any.
pub(crate) fn calls(store: &Store) -> Option<Fleet> {
    let stores = Stores {
        chunks: store.chunks()?,
        submissions: store.submissions(),
        objects: store.objects(),
        clock: Arc::new(SystemClock),
    };
    Some(Fleet::live(stores, timing(), PROVIDER))
}

/// Lines of chunks that have no stored answer.
pub(crate) async fn unanswered(store: &Store) -> u64 {
    let open = store.chunks().unwrap().open(&Queue::of(&fleet::live(PROVIDER), ""), 1_000).await.unwrap();
    open.iter().map(|chunk| u64::from(chunk.lines).saturating_sub(chunk.finished())).sum()
}

fn rules() -> Rules {
    Rules {
        name: fleet::live(PROVIDER),
        first: 8,
        most: 64,
        rates: Rates::default(),
        rates_by_model: ByModel::default(),
        idle_ms: 50,
        grace_ms: 1_000,
        timing: timing(),
    }
}

/// Two chunks in a run, each stored wave by wave; what a dead process held is free within seconds.
fn timing() -> Timing {
    Timing { lease_ms: 2_500, checkpoint_ms: 50, chunk_lines: 5, call_ms: 2_000, pause_ms: 100, ..Timing::live() }
}
