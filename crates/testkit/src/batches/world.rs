//! One run: everybody is brought to life, the weather clears, and all is waited for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use offpeak_core::fleet;
use offpeak_core::flows::notices::Delivering;
use offpeak_core::ids::CredentialId;
use offpeak_core::notice::State;
use offpeak_core::ports::{self, Backend, Ports, Settings, Telling};
use offpeak_core::route::Routes;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::caller::{Caller, Heard};
use super::crew::{Duty, Worker};
use super::cut::{self, Cut};
use super::plan::Plan;
use super::{Outcome, judge};
use crate::chaos::{Deliver, Gate, behind};
use crate::crash::book::Book;
use crate::crash::observe::{Batches, Submissions, Watch};
use crate::crash::plan::SKEW_MS;
use crate::crash::receivers::{self, Receivers};
use crate::crash::switch::Switch;
use crate::crash::targets::{FIRST, Later, SECOND, Targets, route};
use crate::crash::trace::Trace;
use crate::crash::weather::{Way, Weather};
use crate::fakes::{Credentials, Fakes, Random, TokioClock};
use crate::provider::{Script, ScriptedProvider};

/// Between two looks at whether all is done, milliseconds.
const LOOK_MS: u64 = 5_000;

/// How long a world may run after its weather has cleared, milliseconds: longer than the longest window.
const LONGEST_MS: u64 = 9_000_000;

/// One run.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) watch: Watch,
    pub(super) providers: Targets,
    pub(super) heard: Heard,
    pub(super) receivers: Receivers,
    weather: Weather,
    /// In place of the weather, where there is one.
    cut: Option<Cut>,
    /// The stores as the judge watches them: without any hazard.
    pub(super) ports: Ports,
}

impl World {
    /// Runs a seed to its end and judges it.
    pub(super) async fn run(plan: Plan, seed: u64, traced: bool, cut: Option<Cut>) -> Outcome {
        let world = Self::new(plan, seed, traced, cut).await;
        let callers = world.begin();
        sleep(Duration::from_millis(world.plan.calm_ms)).await;
        world.watch.trace.say("world", || "the weather clears".to_owned());
        world.weather.calm();
        world.providers.calm(&world.plan.provider, world.plan.limits, world.plan.timing.window_ms);
        let ended = world.wait(&callers).await;
        judge::judge(&world, ended).await
    }

    async fn new(plan: Plan, seed: u64, traced: bool, cut: Option<Cut>) -> Self {
        let clock = TokioClock::default();
        let fakes = Fakes::new(&clock, seed);
        let own = |credentials: Credentials, name: &str| credentials.with(&CredentialId::own(name), "secret");
        let credentials = [FIRST, SECOND, fleet::NAME].into_iter().fold(fakes.credentials, own);
        let fakes = receivers::signing(Fakes { credentials, ..fakes });
        let random = Random::seeded(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1));
        let weather = Weather::new(plan.hazards, random.fork());
        let trace = Trace::new(&clock, traced);
        let receivers = Receivers::register(&fakes, &weather, &trace).await;
        let script = plan.provider.script(plan.limits, plan.timing.window_ms);
        let providers = Targets::new(&clock, seed, &script, plan.later);
        let watch = Watch { fakes, book: Book::default(), trace };
        let telling = Telling { webhooks: true, bus: false };
        let routes = routes(plan.later);
        let settings = Settings { timing: plan.timing.clone(), routes, telling, ..Settings::default() };
        let ports = watch.fakes.ports(providers.backends(), settings);
        let ports = Ports {
            submissions: Arc::new(Submissions(watch.clone())),
            batches: Arc::new(Batches(watch.clone())),
            ..ports
        };
        Self { plan, watch, providers, heard: Heard::default(), receivers, weather, cut, ports }
    }

    /// An actor's own way to the ports, with its own clock and its own life.
    fn way(&self, name: String) -> (Ports, Delivering, Switch) {
        let switch = Switch::default();
        let skew_ms = self.weather.random.between(0, 2 * SKEW_MS).cast_signed() - SKEW_MS.cast_signed();
        let (life, book, trace) = (switch.clone(), self.watch.book.clone(), self.watch.trace.clone());
        let gate: Arc<dyn Gate> = if let Some(cut) = self.cut.clone() {
            Arc::new(cut::Way { name, cut, switch: life, book, trace })
        } else {
            let (weather, late) = (self.weather.clone(), self.plan.provider.late);
            Arc::new(Way { name, switch: life, weather, late, book, trace })
        };
        let ports = behind(&self.ports, &gate);
        let webhooks: Arc<dyn ports::Deliver> = Arc::new(Deliver::new(Arc::new(self.receivers.clone()), gate));
        let ports = Ports { clock: Arc::new(self.watch.fakes.clock.skewed(skew_ms)), ..ports };
        (ports, Delivering { webhooks: Some(webhooks), bus: None }, switch)
    }

    /// Brings everybody to life; returns the callers.
    fn begin(&self) -> Vec<JoinHandle<()>> {
        for (duty, count) in
            [(Duty::Drive, self.plan.drivers), (Duty::Poll, self.plan.pollers), (Duty::Notify, self.plan.notifiers)]
        {
            for number in 0..count {
                let (ports, ways, switch) = self.way(format!("{duty:?} {number}"));
                let worker = Worker { ports, switch, weather: self.weather.clone(), duty, ways };
                tokio::spawn(Box::pin(worker.live()));
            }
        }
        let callers = self.plan.batches.iter().cloned().enumerate();
        callers
            .map(|(number, plan)| {
                let (ports, _, switch) = self.way(format!("caller {number}"));
                let (weather, heard) = (self.weather.clone(), self.heard.clone());
                tokio::spawn(Box::pin(Caller { number, plan, ports, switch, weather, heard }.live()))
            })
            .collect()
    }

    /// Waits until all is done: then `true`.
    async fn wait(&self, callers: &[JoinHandle<()>]) -> bool {
        for _ in 0..LONGEST_MS / LOOK_MS {
            let fakes = &self.watch.fakes;
            if callers.iter().all(JoinHandle::is_finished)
                && fakes.batches.snapshot().iter().all(|batch| batch.state.kind().is_final())
                && fakes.submissions.snapshot().iter().all(|row| row.state.is_settled())
                && fakes.notices.snapshot().iter().all(|notice| notice.state != State::Owed)
            {
                return true;
            }
            sleep(Duration::from_millis(LOOK_MS)).await;
        }
        false
    }
}

/// Stores and a provider on a good day, for a scenario.
pub(super) fn fair_ports() -> (Fakes, Ports) {
    let clock = TokioClock::default();
    let fakes = Fakes::new(&clock, 1);
    let fakes = Fakes { credentials: fakes.credentials.with(&CredentialId::own("provider"), "secret"), ..fakes };
    let backend: Arc<dyn Backend> = Arc::new(ScriptedProvider::new(&clock, 1, Script::calm()));
    let settings = Settings { routes: routes(None), ..Settings::default() };
    let ports = fakes.ports(BTreeMap::from([("provider".to_owned(), backend)]), settings);
    (fakes, ports)
}

/// Every model goes to the provider; one has another name there.
fn routes(later: Option<Later>) -> Routes {
    Routes(vec![route("old", Some("new"), later), route("*", None, later)])
}
