//! One run: everybody is brought to life, the weather clears, and all is waited for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use offpeak_core::fleet::{self, Rates};
use offpeak_core::flows::fleet::{Fleet, Stores};
use offpeak_core::flows::work::{self, Rules};
use offpeak_core::ids::CredentialId;
use offpeak_core::ports::{self, Backend, Ports, Settings, Whose};
use offpeak_core::route::{ByModel, Pattern};
use tokio::time::sleep;

use super::crew::{Machine, Poller, Troubled, withdraw};
use super::engine::{Engine, OTHER};
use super::ledger::Ledger;
use super::plan::{Plan, SubmissionPlan};
use super::watch::Chunks;
use super::{Outcome, input, judge};
use crate::chaos::{self, Gate, behind};
use crate::crash::book::Book;
use crate::crash::observe::{Submissions, Watch};
use crate::crash::plan::SKEW_MS;
use crate::crash::switch::Switch;
use crate::crash::trace::Trace;
use crate::crash::weather::{Way, Weather};
use crate::fakes::{Fakes, Random, TokioClock};

/// Between two looks at whether all is done, milliseconds.
const LOOK_MS: u64 = 5_000;

/// How long a world may run after its weather has cleared, milliseconds.
const LONGEST_MS: u64 = 3_000_000;

/// One run.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) watch: Watch,
    pub(super) ledger: Ledger,
    weather: Weather,
    chunks: Chunks,
    /// The stores as the judge watches them: without any hazard.
    ports: Ports,
}

impl World {
    /// Runs a seed to its end and judges it.
    pub(super) async fn run(plan: Plan, seed: u64, traced: bool) -> Outcome {
        let world = Self::new(plan, seed, traced);
        world.begin();
        sleep(Duration::from_millis(world.plan.calm_ms)).await;
        world.watch.trace.say("world", || "the weather clears".to_owned());
        world.weather.calm();
        let ended = world.wait().await;
        judge::judge(&world, ended)
    }

    fn new(plan: Plan, seed: u64, traced: bool) -> Self {
        let clock = TokioClock::default();
        let fakes = Fakes::new(&clock, seed);
        let credentials = fakes.credentials.with(&CredentialId::own(fleet::NAME), "none");
        let credentials = credentials.with(&CredentialId::own(&input::live()), "none");
        let fakes = Fakes { credentials, ..fakes };
        let random = Random::seeded(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1));
        let weather = Weather::new(plan.hazards, random.fork());
        let trace = Trace::new(&clock, traced);
        let ledger = Ledger::default();
        let (watched, noted, told) = (fakes.clone(), ledger.clone(), trace.clone());
        let chunks = Chunks {
            fakes: watched,
            ledger: noted,
            trace: told,
            checkpoint_ms: plan.fleet.checkpoint_ms,
            report_bytes: plan.fleet.report_bytes.map_or(u64::MAX, |bytes| bytes as u64),
        };
        let watch = Watch { fakes, book: Book::default(), trace };
        let settings = Settings { timing: plan.timing.clone(), ..Settings::default() };
        let ports = watch.fakes.ports(BTreeMap::new(), settings);
        let ports = Ports { submissions: Arc::new(Submissions(watch.clone())), ..ports };
        Self { plan, watch, ledger, weather, chunks, ports }
    }

    /// An actor's way to its ports, and its life.
    fn way(&self, name: &str) -> Way {
        Way {
            name: name.to_owned(),
            switch: Switch::default(),
            weather: self.weather.clone(),
            late: self.plan.hazards.lost,
            book: self.watch.book.clone(),
            trace: self.watch.trace.clone(),
        }
    }

    /// The ports behind a gate, by a clock of an own machine, and the stores of chunks among them.
    fn behind(&self, gate: &Arc<dyn Gate>) -> (Ports, Stores, TokioClock) {
        let skew_ms = self.weather.random.between(0, 2 * SKEW_MS).cast_signed() - SKEW_MS.cast_signed();
        let clock = self.watch.fakes.clock.skewed(skew_ms);
        let ports = Ports { clock: Arc::new(clock.clone()), ..behind(&self.ports, gate) };
        let chunks = Arc::new(chaos::Chunks::new(Arc::new(self.chunks.clone()), Arc::clone(gate)));
        let (submissions, objects) = (Arc::clone(&ports.submissions), Arc::clone(&ports.objects));
        let stores = Stores { chunks, submissions, objects, clock: Arc::clone(&ports.clock) };
        (ports, stores, clock)
    }

    fn begin(&self) {
        for number in 0..self.plan.pollers {
            let way = self.way(&format!("poller {number}"));
            let switch = way.switch.clone();
            let gate: Arc<dyn Gate> = Arc::new(way);
            let (ports, stores, _) = self.behind(&gate);
            let backend = |fleet: Fleet| -> Arc<dyn Backend> {
                Arc::new(chaos::Backend::new(Arc::new(fleet), Arc::clone(&gate)))
            };
            let own = backend(Fleet::new(stores.clone(), self.plan.fleet));
            let live = backend(Fleet::live(stores, self.plan.fleet, "provider"));
            let backends = BTreeMap::from([(fleet::NAME.to_owned(), own), (input::live(), live)]);
            let ports = Ports { backends, ..ports };
            tokio::spawn(Box::pin(Poller { ports, switch, weather: self.weather.clone() }.live()));
        }
        for number in 0..self.plan.workers {
            tokio::spawn(Box::pin(self.machine(format!("worker {number}"), Whose::Own).live()));
        }
        if self.plan.submissions.iter().any(|plan| plan.live) {
            tokio::spawn(Box::pin(self.machine("live worker".to_owned(), Whose::Provider).live()));
        }
        for (number, plan) in self.plan.submissions.iter().cloned().enumerate() {
            tokio::spawn(Box::pin(caller(self.watch.fakes.clone(), self.ports.clone(), number, plan)));
        }
    }

    fn machine(&self, name: String, whose: Whose) -> Machine {
        let way = self.way(&name);
        let (switch, weather) = (way.switch.clone(), self.weather.clone());
        let gate: Arc<dyn Gate> = Arc::new(Troubled { way, ledger: self.ledger.clone() });
        let (_, stores, clock) = self.behind(&gate);
        let (fleet, rates, rates_by_model) = match whose {
            Whose::Own => (Fleet::new(stores, self.plan.fleet), Rates::default(), ByModel::default()),
            Whose::Provider => {
                let rates = |rate| Rates { requests_per_minute: Some(rate), tokens_per_minute: None };
                let of_other = (Pattern::new(OTHER), rates(self.plan.rate_of_other()));
                let fleet = Fleet::live(stores, self.plan.fleet, "provider");
                (fleet, rates(self.plan.rate), [of_other].into_iter().collect())
            }
        };
        let engine = Engine {
            name: name.clone(),
            mood: self.plan.engine,
            whose,
            lives: self.plan.submissions.iter().map(|plan| plan.live).collect(),
            weather: weather.clone(),
            clock: self.watch.fakes.clock.clone(),
            ledger: self.ledger.clone(),
            trace: self.watch.trace.clone(),
            state: Arc::default(),
            death: Switch::default(),
        };
        let desk: Arc<dyn ports::Desk> = Arc::new(chaos::Desk::new(Arc::new(fleet.desk()), gate));
        let (most, timing) = (self.plan.most, self.plan.fleet);
        let (first, idle_ms, grace_ms) = (most.min(8), 1_000, 3_000);
        let rules = Rules { name, first, most, rates, rates_by_model, idle_ms, grace_ms, timing };
        let worker = work::Worker { desk, engine: Arc::new(engine), clock: Arc::new(clock), rules };
        Machine { worker, switch, weather, ledger: self.ledger.clone() }
    }

    /// Waits until all is done: then `true`.
    async fn wait(&self) -> bool {
        for _ in 0..LONGEST_MS / LOOK_MS {
            let fakes = &self.watch.fakes;
            let rows = fakes.submissions.snapshot();
            if rows.len() == self.plan.submissions.len()
                && rows.iter().all(|row| row.state.is_settled())
                && fakes.chunks.snapshot().is_empty()
            {
                // What is on its way arrives.
                sleep(Duration::from_mins(1)).await;
                return true;
            }
            sleep(Duration::from_millis(LOOK_MS)).await;
        }
        false
    }
}

/// Puts a submission in, and perhaps withdraws it.
async fn caller(fakes: Fakes, ports: Ports, number: usize, plan: SubmissionPlan) {
    ports.clock.sleep_ms(plan.start_ms).await;
    let row = input::seal(&fakes, number, &plan).await;
    // Neither hazard nor fault is in this way.
    let _ = ports.submissions.create(&row).await;
    if let Some(after_ms) = plan.cancel_after_ms {
        withdraw(&ports, row.id, after_ms).await;
    }
}
