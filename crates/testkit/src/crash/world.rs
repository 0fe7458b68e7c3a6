//! One run: everybody is brought to life, the weather clears, and all is waited for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use offpeak_core::class::{Departures, Rule};
use offpeak_core::flows::notices::Delivering;
use offpeak_core::ids::CredentialId;
use offpeak_core::notice::State;
use offpeak_core::ports::{self, Classes as _, Clock, Ports, Settings, Telling};
use tokio::task::JoinHandle;
use tokio::time::{advance, sleep};

use super::book::Book;
use super::caller::Caller;
use super::crew::{Duty, Worker};
use super::door::Door;
use super::observe::{Classes, Intake, Jobs, Submissions, Watch};
use super::observe_notices::Notices;
use super::plan::{Plan, SKEW_MS};
use super::receivers::{self, Receivers};
use super::switch::Switch;
use super::targets::Targets;
use super::trace::Trace;
use super::weather::{Way, Weather};
use super::{Outcome, judge};
use crate::chaos::{Deliver, Gate, behind};
use crate::fakes::{Fakes, Random, TokioClock};

/// When every run begins, Unix milliseconds: noon.
const START_MS: u64 = TokioClock::EPOCH_MS + 12 * 3_600_000;

/// Between two looks at whether all is done, milliseconds.
const LOOK_MS: u64 = 5_000;

/// Looks in a row that must find nothing but jobs that wait for their hour, before the world leaps there.
const QUIET_LOOKS: u32 = 12;

/// Nights that a run may last.
const NIGHTS: u32 = 3;

/// How long a world may run after its weather has cleared, leaps not counted, milliseconds.
const LONGEST_MS: u64 = 3_000_000;

/// One run. Clones are the same world.
#[derive(Debug, Clone)]
pub struct World {
    /// What the seed decided.
    pub plan: Arc<Plan>,
    /// The stores, the record and the trace.
    pub watch: Watch,
    /// The weather.
    pub weather: Weather,
    /// The providers.
    pub providers: Targets,
    /// Who is told.
    pub(super) receivers: Receivers,
    /// The stores as the judge watches them: without any hazard.
    pub ports: Ports,
    doors: Arc<Vec<Door>>,
}

impl World {
    /// Runs a seed to its end and judges it.
    pub async fn run(seed: u64, traced: bool) -> Outcome {
        let world = Self::new(seed, traced).await;
        let callers = world.begin();
        sleep(Duration::from_millis(world.plan.calm_ms)).await;
        world.watch.trace.say("world", || "the weather clears".to_owned());
        world.weather.calm();
        world.providers.calm(&world.plan.provider, world.plan.limits, world.plan.timing.window_ms);
        let ended = world.wait(&callers).await;
        judge::judge(&world, ended).await
    }

    async fn new(seed: u64, traced: bool) -> Self {
        let plan = Plan::of(seed);
        let clock = TokioClock::new(START_MS);
        let fakes = Fakes::new(&clock, seed);
        let fakes = Fakes { credentials: fakes.credentials.with(&CredentialId::from("gateway"), "secret"), ..fakes };
        let fakes = receivers::signing(fakes);
        let (book, trace) = (Book::default(), Trace::new(&clock, traced));
        let random = Random::seeded(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1));
        let weather = Weather::new(plan.hazards, random.fork());
        let script = plan.provider.script(plan.limits, plan.timing.window_ms);
        let providers = Targets::new(&clock, seed, &script, plan.later);
        let last_night = Departures { departed_ms: clock.now_ms(), ..Departures::default() };
        // Nobody else writes yet, so the row is written.
        let _ = fakes.classes.replace("nightly", &last_night).await;
        let receivers = Receivers::register(&fakes, &weather, &trace).await;
        let watch = Watch { fakes, book, trace };
        let ports = watched(&watch, &plan, &weather, &providers);
        let (plan, doors) = (Arc::new(plan), Arc::default());
        let mut world = Self { plan, watch, weather, providers, receivers, ports, doors };
        world.doors = Arc::new((0..world.plan.doors).map(|number| world.open_door(number)).collect());
        world
    }

    /// An actor's own way to the ports, with its own clock and its own life.
    fn way(&self, name: String) -> (Ports, Delivering, Switch) {
        let switch = Switch::default();
        let skew_ms = self.weather.random.between(0, 2 * SKEW_MS).cast_signed() - SKEW_MS.cast_signed();
        let gate: Arc<dyn Gate> = Arc::new(Way {
            name,
            switch: switch.clone(),
            weather: self.weather.clone(),
            late: self.plan.provider.late,
            book: self.watch.book.clone(),
            trace: self.watch.trace.clone(),
        });
        let ports = behind(&self.ports, &gate);
        let webhooks: Arc<dyn ports::Deliver> = Arc::new(Deliver::new(Arc::new(self.receivers.clone()), gate));
        let ports = Ports { clock: Arc::new(self.watch.fakes.clock.skewed(skew_ms)), ..ports };
        (ports, Delivering { webhooks: Some(webhooks), bus: None }, switch)
    }

    fn open_door(&self, number: usize) -> Door {
        let (ports, _, switch) = self.way(format!("door {number}"));
        Door::new(ports, switch, self.weather.clone(), self.watch.fakes.wake.clone())
    }

    /// Any front door.
    pub fn door(&self) -> &Door {
        let last = self.doors.len() - 1;
        let drawn = self.weather.random.between(0, last as u64);
        &self.doors[usize::try_from(drawn).unwrap_or(0)]
    }

    /// Brings everybody to life; returns the callers.
    fn begin(&self) -> Vec<JoinHandle<()>> {
        for class in ["soon", "nightly"] {
            for number in 0..2 {
                self.hire(format!("packer {class} {number}"), Duty::Pack { class, drain_ms: self.plan.drain_ms });
            }
        }
        for number in 0..self.plan.pollers {
            self.hire(format!("poller {number}"), Duty::Poll);
        }
        self.hire("sweeper".to_owned(), Duty::Sweep(Arc::new(self.watch.fakes.jobs.clone())));
        for number in 0..self.plan.notifiers {
            let (ports, ways, switch) = self.way(format!("notifier {number}"));
            self.employ(ports, switch, Duty::Notify(ways));
        }
        let callers = self.plan.callers.iter().cloned().enumerate();
        callers
            .map(|(number, plan)| tokio::spawn(Box::pin(Caller { world: self.clone(), number, plan }.live())))
            .collect()
    }

    fn hire(&self, name: String, duty: Duty) {
        let (ports, _, switch) = self.way(name);
        self.employ(ports, switch, duty);
    }

    fn employ(&self, ports: Ports, switch: Switch, duty: Duty) {
        let worker = Worker { ports, switch, weather: self.weather.clone(), duty };
        tokio::spawn(Box::pin(worker.live()));
    }

    /// Waits until all is done (`true`), leaping over the hours in which jobs only wait for their hour.
    async fn wait(&self, callers: &[JoinHandle<()>]) -> bool {
        let (mut quiet, mut nights, mut waited_ms) = (0, 0, 0);
        while waited_ms < LONGEST_MS {
            if callers.iter().all(JoinHandle::is_finished) && self.is_done() {
                return true;
            }
            quiet = if self.only_waits_for_its_hour() { quiet + 1 } else { 0 };
            if quiet >= QUIET_LOOKS {
                judge::departures(self);
                nights += 1;
                if nights > NIGHTS {
                    return false;
                }
                self.leap().await;
                quiet = 0;
            }
            sleep(Duration::from_millis(LOOK_MS)).await;
            waited_ms += LOOK_MS;
        }
        false
    }

    /// The hour of the class `nightly` that comes next, and the one before it, Unix milliseconds.
    pub fn hours_ms(&self) -> (u64, u64) {
        const DAY_MS: u64 = 86_400_000;
        let first_ms = self.first_hour_ms();
        let now_ms = self.watch.fakes.clock.now_ms();
        let next_ms = first_ms + now_ms.saturating_sub(first_ms).div_ceil(DAY_MS) * DAY_MS;
        (next_ms, next_ms.saturating_sub(DAY_MS))
    }

    /// When the weather clears, Unix milliseconds.
    pub fn calm_at_ms(&self) -> u64 {
        START_MS + self.plan.calm_ms
    }

    /// The first hour of the class `nightly`, Unix milliseconds.
    pub fn first_hour_ms(&self) -> u64 {
        hour_ms(&self.plan)
    }

    async fn leap(&self) {
        let (next_ms, _) = self.hours_ms();
        let left_ms = next_ms.saturating_sub(self.watch.fakes.clock.now_ms() + 20_000);
        self.watch.trace.say("world", || format!("leaps over {} s", left_ms / 1_000));
        advance(Duration::from_millis(left_ms)).await;
    }

    /// Every promised job final, every submission settled, every message deleted, every notice told.
    fn is_done(&self) -> bool {
        let fakes = &self.watch.fakes;
        fakes.submissions.snapshot().iter().all(|row| row.state.is_settled())
            && fakes.intake.snapshot("soon").is_empty()
            && fakes.intake.snapshot("nightly").is_empty()
            && fakes.notices.snapshot().iter().all(|notice| notice.state != State::Owed)
            && fakes.jobs.snapshot().iter().all(|job| job.state.is_final() || !self.is_promised(job.id))
    }

    /// Whether a job was accepted: its message was stored, or its caller was told.
    pub fn is_promised(&self, job: offpeak_core::ids::JobId) -> bool {
        self.watch.book.with(|pages| pages.sent.contains_key(&job) || pages.told.contains(&job))
    }

    fn only_waits_for_its_hour(&self) -> bool {
        let fakes = &self.watch.fakes;
        let waits = |job: &offpeak_core::job::Job| job.lane.class == "nightly";
        fakes.submissions.snapshot().iter().all(|row| row.state.is_settled())
            && fakes.intake.snapshot("soon").is_empty()
            && !fakes.intake.snapshot("nightly").is_empty()
            && fakes.jobs.snapshot().iter().all(|job| job.state.is_final() || waits(job) || !self.is_promised(job.id))
    }
}

/// When the class `nightly` first departs: a whole second, Unix milliseconds.
fn hour_ms(plan: &Plan) -> u64 {
    START_MS + plan.hour_ms / 1_000 * 1_000
}

/// The stores under the judge's eyes, and the providers.
fn watched(watch: &Watch, plan: &Plan, weather: &Weather, providers: &Targets) -> Ports {
    let hour = Timestamp::from_millisecond(i64::try_from(hour_ms(plan)).unwrap_or_default()).unwrap_or_default();
    let time = hour.to_zoned(TimeZone::UTC).time();
    let rules = [
        ("soon".to_owned(), Rule::Window { window_ms: plan.window_ms, max_jobs: plan.enough }),
        ("nightly".to_owned(), Rule::At { time, zone: TimeZone::UTC }),
    ];
    let telling = Telling { webhooks: true, bus: false };
    let (timing, classes) = (plan.timing.clone(), BTreeMap::from(rules));
    let settings = Settings { timing, classes, telling, ..Settings::default() };
    let ports = watch.fakes.ports(providers.backends(), settings);
    Ports {
        jobs: Arc::new(Jobs(watch.clone())),
        submissions: Arc::new(Submissions(watch.clone())),
        classes: Arc::new(Classes(watch.clone())),
        notices: Arc::new(Notices(watch.clone())),
        intake: Arc::new(Intake { watch: watch.clone(), receive: plan.receive, weather: weather.clone() }),
        ..ports
    }
}
