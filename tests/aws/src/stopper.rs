//! The death of a function's process at a chosen call to AWS.
//!
//! ```text
//! handler ──► SDK ──► read_before_transmit ──► service ──► read_after_transmit ──► handler
//!                       │ k, Before: never sent              │ k, After: done, and nobody hears of it
//!                       ▼                                    ▼
//!                     the process unwinds: its runtime, tasks and connections are dropped
//! ```
//!
//! A process is a runtime of one thread. At the call it is unwound from within, without a panic's message, so that nothing
//! of it is polled again; should a task of its own catch that, the next call or the way to the provider ends there too.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, SharedInterceptor};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use offpeak_testkit::chaos::{Gate, Lost};
use parking_lot::Mutex;

/// On which side of a call a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The call is not sent.
    Before,
    /// The call took effect, and its reply is not seen.
    After,
}

/// Where one of a run's processes dies, if any does. Clones are the same run.
#[derive(Debug, Clone)]
pub struct Stop(Arc<Run>);

#[derive(Debug)]
struct Run {
    at: Option<(u64, Side)>,
    calls: AtomicU64,
    /// What was called where it died.
    stopped: Mutex<Option<String>>,
}

/// One process of a run.
#[derive(Clone)]
pub struct Process {
    run: Arc<Run>,
    dead: Arc<AtomicBool>,
}

/// What unwinds a process.
struct Death;

/// The number of a call within its run.
#[derive(Debug)]
struct Number(u64);

impl Storable for Number {
    type Storer = StoreReplace<Self>;
}

impl Stop {
    /// A run in which nobody dies.
    pub fn never() -> Self {
        Self::new(None)
    }

    /// A run in which a process dies at the call of this number, from 1.
    pub fn at(call: u64, side: Side) -> Self {
        Self::new(Some((call, side)))
    }

    fn new(at: Option<(u64, Side)>) -> Self {
        Self(Arc::new(Run { at, calls: AtomicU64::new(0), stopped: Mutex::new(None) }))
    }

    /// Calls made so far, by all its processes.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// The call at which a process died, if one has.
    pub fn stopped(&self) -> Option<String> {
        self.0.stopped.lock().clone()
    }

    /// A new process.
    pub fn process(&self) -> Process {
        Process { run: Arc::clone(&self.0), dead: Arc::default() }
    }
}

impl Process {
    /// Lives through `work`, on this thread; `None` if it died.
    ///
    /// # Panics
    /// Where `work` panics, or no runtime can be built.
    pub fn live<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let lived = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
        runtime.shutdown_background();
        match lived {
            // What it said after its death was not said.
            Ok(done) => (!self.is_dead()).then_some(done),
            Err(death) if death.is::<Death>() => None,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// What every client of this process is to be built with.
    pub fn interceptor(&self) -> SharedInterceptor {
        SharedInterceptor::new(self.clone())
    }

    fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    fn pass(&self, number: u64, side: Side, cfg: &ConfigBag) {
        if self.run.at == Some((number, side)) {
            let metadata = cfg.load::<Metadata>();
            let call = metadata.map_or("-", Metadata::name);
            *self.run.stopped.lock() = Some(format!("{side:?} call {number}, {call}"));
            self.dead.store(true, Ordering::SeqCst);
        }
        if self.is_dead() {
            resume_unwind(Box::new(Death));
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("dead", &self.is_dead()).finish_non_exhaustive()
    }
}

impl Intercept for Process {
    fn name(&self) -> &'static str {
        "Stopper"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let number = self.run.calls.fetch_add(1, Ordering::SeqCst) + 1;
        cfg.interceptor_state().store_put(Number(number));
        self.pass(number, Side::Before, cfg);
        Ok(())
    }

    fn read_after_transmit(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let number = cfg.load::<Number>().map_or(0, |number| number.0);
        self.pass(number, Side::After, cfg);
        Ok(())
    }
}

/// The way to the provider ends with the process too.
#[async_trait]
impl Gate for Process {
    async fn before(&self, _: &'static str) -> Result<(), Lost> {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn after(&self, what: &'static str) -> Result<(), Lost> {
        self.before(what).await
    }
}
