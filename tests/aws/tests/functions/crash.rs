//! Crash on AWS: the handlers' processes die at any call to AWS, and whoever comes after them finishes.
//!
//! ```text
//! callers ──► front door ─┐
//!             packer ─────┼──► SDK ──► stopper ──► emulator (tables, queue and bucket of the run's own)
//!             poller ─────┤     └────► scripted provider (its ledger: what was paid)
//!             live ───────┘
//! ```
//!
//! A run is ten jobs from their acceptance to their answers: their callers pass keys of their own, and one of their
//! bodies is too long for a message. Call by call, before it and after it, one process dies;
//! callers repeat themselves and schedules tick again, until all is at rest. Then the stores, the provider's ledger and
//! what the callers heard are compared.
//!
//! In a run of live calls callers show a key of the gateway's, and the function that makes the calls dies at those to the
//! provider too.

mod callers;
mod crowd;
mod live;
mod site;
mod sweep;
mod tap;
mod teeth;
mod verdict;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use offpeak_api::{Abilities, Auth, BatchRules, Gateway, Pattern, Route, Routes, Rules, Target, Waiters, router};
use offpeak_core::fleet;
use offpeak_core::ports::{Keys, Ports};
use offpeak_packer::handler::Tick;
use offpeak_tests_aws::Stop;
use tokio::runtime::Runtime;

pub(crate) use callers::{Caller, send};
use live::Endpoints;
pub(crate) use site::{CLASS, PROVIDER, Reach, Site, url};
pub(crate) use verdict::Counts;
use verdict::{leftovers, verdict};

/// Jobs of a run.
const JOBS: usize = 10;
/// What is left of an invocation when a handler begins: more than it keeps for its end.
const INVOCATION_MS: u64 = 600_000;
/// Between two ticks of the schedules.
const TICK: Duration = Duration::from_millis(50);

/// One run.
pub(crate) struct Run {
    pub(crate) site: Site,
    stop: Stop,
    pub(crate) callers: Vec<Caller>,
    /// Calls made when all were accepted, when all was at rest, and when all were answered.
    calls: [u64; 3],
    observer: Observer,
}

/// Looks at the stores without being counted, or dying.
struct Observer {
    runtime: Runtime,
    reach: Reach,
}

impl Observer {
    fn of(site: &Site) -> Self {
        let runtime = apart();
        let reach = runtime.block_on(site.reach(&Stop::never().process()));
        Self { runtime, reach }
    }

    fn sees_rest(&self, site: &Site) -> bool {
        self.runtime.block_on(site.is_at_rest(&self.reach))
    }

    /// Lines of live calls that have no stored answer.
    fn unanswered(&self) -> u64 {
        self.runtime.block_on(live::unanswered(&self.reach.store))
    }
}

impl Run {
    pub(crate) fn new(stop: Stop, jobs: usize) -> Self {
        Self::at(apart().block_on(Site::new()), stop, jobs)
    }

    /// Of live calls to these endpoints.
    pub(crate) fn live(stop: Stop, endpoints: Endpoints, jobs: usize) -> Self {
        Self::at(apart().block_on(Site::live(endpoints)), stop, jobs)
    }

    /// On a site that is there.
    pub(crate) fn at(site: Site, stop: Stop, jobs: usize) -> Self {
        let observer = Observer::of(&site);
        Self { site, stop, callers: Caller::several(jobs), calls: [0; 3], observer }
    }

    /// Everything from the first request to the last answer; what is not at rest in time is not answered.
    pub(crate) fn finish(&mut self, patience: Duration) {
        self.enter();
        self.calls[0] = self.stop.calls();
        let rested = self.work(patience);
        self.calls[1] = self.stop.calls();
        if rested {
            self.leave();
        }
        self.calls[2] = self.stop.calls();
    }

    /// Where a process died, if one has.
    fn died(&self) -> Option<String> {
        self.stop.stopped().or_else(|| self.site.live.as_ref()?.died())
    }

    /// Lines that are to be answered.
    fn lines(&self) -> u64 {
        self.callers.iter().filter(|caller| !caller.withdraws()).count() as u64
    }

    /// Broken promises.
    pub(crate) fn judged(&self, counts: &mut Counts) -> Vec<String> {
        self.observer.runtime.block_on(verdict(&self.site, &self.observer.reach, &self.callers, counts))
    }

    /// What is left over, whoever the jobs belong to.
    pub(crate) fn judged_rest(&self) -> Vec<String> {
        let findings = self.observer.runtime.block_on(self.site.findings(&self.observer.reach));
        leftovers(&findings)
    }

    pub(crate) fn enter(&mut self) {
        self.front_door(&async |caller: &mut Caller, door: &Router| caller.enter(door).await);
    }

    pub(crate) fn leave(&mut self) {
        self.front_door(&async |caller: &mut Caller, door: &Router| caller.leave(door).await);
    }

    /// Serves every caller; a front door that dies is replaced, and its caller asks again.
    fn front_door(&mut self, serve: &impl AsyncFn(&mut Caller, &Router)) {
        let mut served = 0;
        while served < self.callers.len() {
            let process = self.stop.process();
            process.live(async {
                let door = self.door(&self.site.reach(&process).await);
                while let Some(caller) = self.callers.get_mut(served) {
                    serve(caller, &door).await;
                    served += 1;
                }
            });
        }
    }

    fn door(&self, reach: &Reach) -> Router {
        match self.site.live {
            Some(_) => door_to(&fleet::live(PROVIDER), &reach.ports, Auth::Keys, reach.store.keys()),
            None => door(reach),
        }
    }

    /// Ticks packer and poller, and the function of live calls, until all is at rest.
    pub(crate) fn work(&self, patience: Duration) -> bool {
        let began = Instant::now();
        loop {
            tick(&self.site, &self.stop, &async |ports: &Ports| pack(ports).await);
            tick(&self.site, &self.stop, &async |ports: &Ports| poll(ports).await);
            self.call();
            if self.observer.sees_rest(&self.site) {
                return true;
            }
            if began.elapsed() > patience {
                return false;
            }
            std::thread::sleep(TICK);
        }
    }

    /// Ticks the function of live calls, where there are some. Answers that it has not stored die with it.
    fn call(&self) {
        let Some(endpoints) = &self.site.live else { return };
        if !endpoints.tick(&self.site, &self.stop.process()) {
            endpoints.lose(self.lines().saturating_sub(self.observer.unanswered()));
        }
    }
}

/// A runtime for this thread alone.
pub(crate) fn apart() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// One invocation in a process of its own.
fn tick(site: &Site, stop: &Stop, handle: &impl AsyncFn(&Ports)) {
    let process = stop.process();
    process.live(async { handle(&site.reach(&process).await.ports).await });
}

/// A tick of the packer. What a store refuses, the next tick repeats.
pub(crate) async fn pack(ports: &Ports) {
    let tick = Tick { class: CLASS.to_owned() };
    let deadline_ms = ports.clock.now_ms() + INVOCATION_MS;
    let _ = offpeak_packer::handler::handle(ports, &tick, deadline_ms).await;
}

/// A tick of the poller.
pub(crate) async fn poll(ports: &Ports) {
    let deadline_ms = ports.clock.now_ms() + INVOCATION_MS;
    let _ = offpeak_poller::handler::handle(ports, deadline_ms).await;
}

/// The front door as a deployment behind an HTTP API has it, for callers with keys of their own: nothing is held.
pub(crate) fn door(reach: &Reach) -> Router {
    door_over(&reach.ports, Auth::Passthrough, reach.store.keys())
}

/// The same over any ports.
pub(crate) fn door_over(ports: &Ports, auth: Auth, keys: Arc<dyn Keys>) -> Router {
    door_to(PROVIDER, ports, auth, keys)
}

/// The same, with every model at this backend.
pub(crate) fn door_to(backend: &str, ports: &Ports, auth: Auth, keys: Arc<dyn Keys>) -> Router {
    let rules = Rules {
        hold_ms: 0,
        not_ready_status: 503,
        retry_after_s: 60,
        redirect: false,
        max_body_bytes: 6 << 20,
        max_file_bytes: 6 << 20,
        batches: BatchRules::default(),
        deadline_ms: 86_400_000,
        relay_allow: Vec::new(),
        look_ms: 1_000,
        stream_hold_ms: Some(0),
        response_bytes: None,
        relay_ms: None,
        relay_bytes: None,
    };
    let route = Route {
        model: Pattern::new("*"),
        target: Target::to(backend),
        then: Vec::new(),
        class: CLASS.to_owned(),
        deadline_ms: None,
    };
    let abilities = Abilities { index: None, walk: None, relay: None, share: None, deliver: None, work: None };
    let waiters = Arc::<Waiters>::default();
    router(Arc::new(Gateway::new(ports.clone(), waiters, (auth, keys), Routes(vec![route]), rules, abilities)))
}
