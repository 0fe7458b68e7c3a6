//! What a seed decides before a run begins: how many of each, how fast, how dangerous.

use offpeak_core::endpoint::Endpoint;
use offpeak_core::submission::Limits;
use offpeak_core::timing::Timing;

use super::receivers::{NAMING, Named, namings};
use super::targets::Later;
use crate::fakes::Random;

/// How long a create may be on its way to the provider after its caller has sent it, milliseconds.
pub const IN_FLIGHT_MS: u64 = 8_000;

/// How far two machines' clocks are from the true time at most, milliseconds.
pub const SKEW_MS: u64 = 2_000;

/// A run, decided.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Durations of the protocol.
    pub timing: Timing,
    /// What a submission may hold.
    pub limits: Limits,
    /// When the class `nightly` departs, milliseconds after the start.
    pub hour_ms: u64,
    /// Between two departures of the class `soon`, milliseconds.
    pub window_ms: u64,
    /// Jobs that are enough for `soon` to depart at once.
    pub enough: Option<u64>,
    /// When the hazards end, milliseconds after the start.
    pub calm_ms: u64,
    /// Front doors.
    pub doors: usize,
    /// Pollers.
    pub pollers: usize,
    /// Notifiers.
    pub notifiers: usize,
    /// Whether the front doors answer 422 instead of holding: then repeating a request is how callers poll.
    pub polls: bool,
    /// How long a front door holds a call, milliseconds.
    pub hold_ms: u64,
    /// How long one drain may take, milliseconds.
    pub drain_ms: u64,
    /// Messages that one receive brings at most.
    pub receive: usize,
    /// What may go wrong.
    pub hazards: Hazards,
    /// What the provider does.
    pub provider: Temper,
    /// What comes after it, if anything does.
    pub later: Option<Later>,
    /// Who asks for what.
    pub callers: Vec<CallerPlan>,
}

/// How often each thing goes wrong at a port call, in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hazards {
    /// The call waits a little before or after its effect.
    pub delay: u32,
    /// The call waits so long that leases and messages run out.
    pub freeze: u32,
    /// The effect takes place, its reply is lost.
    pub lost: u32,
    /// The call fails without an effect.
    pub failed: u32,
    /// The actor dies, before or after the effect.
    pub kill: u32,
    /// A message is sent twice, or delivered again at once.
    pub repeated: u32,
    /// A tick is repeated, or two run at once (of a thousand ticks).
    pub ticks: u32,
    /// A reply is lost on its way to a caller (of a thousand replies).
    pub reply: u32,
}

/// The provider's ways, in a thousand where they are chances.
#[derive(Debug, Clone, Copy)]
pub struct Temper {
    /// The longest time that a batch usually takes, milliseconds.
    pub slowest_ms: u64,
    /// The longest time until a new batch is listed, milliseconds.
    pub list_lag_ms: u64,
    /// Lines that fail for a passing reason.
    pub passing: u32,
    /// Lines that are refused for good.
    pub refused: u32,
    /// Batches that fail their validation.
    pub fails: u32,
    /// Batches that expire before all lines have run.
    pub expires: u32,
    /// Batches that never end by themselves.
    pub stuck: u32,
    /// Downloads that are cut, visibly or not.
    pub cut: u32,
    /// Calls that are throttled.
    pub throttled: u32,
    /// Creates that are answered late or never although they take effect.
    pub late: u32,
}

/// How a caller behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manner {
    /// An SDK: holds (or polls), and retries with its count.
    Holds,
    /// Holds, and names its job by an Idempotency-Key.
    Keyed,
    /// Takes the job's id and comes back for it.
    Returns,
    /// Takes the job's id and never comes back.
    Forgets,
    /// Leaves during its first call and never comes back.
    Leaves,
    /// Holds, and withdraws its job some time after it knows its id.
    Cancels,
}

/// One caller.
#[derive(Debug, Clone)]
pub struct CallerPlan {
    /// What it asks: callers with equal questions send equal bodies.
    pub question: usize,
    /// Whose it is; all that ask the same have this, and what follows, in common.
    pub tenant: &'static str,
    /// Where it asks.
    pub endpoint: Endpoint,
    /// Whom it names to be told.
    pub(crate) named: Option<Named>,
    /// How it behaves.
    pub manner: Manner,
    /// The class it asks for.
    pub class: &'static str,
    /// When it comes, milliseconds after the start.
    pub start_ms: u64,
    /// How long it accepts to wait for its answer, milliseconds.
    pub deadline_ms: u64,
    /// Whether its question may go to own model servers only.
    pub private: bool,
}

impl Plan {
    /// What the seed decides.
    pub fn of(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let temper = temper(&random);
        let hold_ms = random.between(5_000, 40_000);
        let hour_ms = random.between(25_000, 150_000);
        let calm_ms = random.between(120_000, 300_000);
        let mut plan = Self {
            timing: timing(&random, &temper, hold_ms),
            limits: Limits {
                requests: random.between(2, 9),
                bytes: random.between(500, 1_500),
                tokens: u64::MAX,
                inputs: u64::MAX,
            },
            hour_ms,
            window_ms: random.between(5_000, 40_000),
            enough: random.chance(500).then(|| random.between(3, 8)),
            calm_ms,
            doors: usize::from(random.chance(500)) + 2,
            polls: random.chance(200),
            pollers: usize::from(random.chance(500)) + 2,
            notifiers: index(&random, 2) + 1,
            hold_ms,
            drain_ms: random.between(4_000, 40_000),
            receive: [1, 2, 5, 10][index(&random, 4)],
            hazards: hazards(&random),
            provider: temper,
            later: Later::of(seed),
            callers: callers(&random, calm_ms, hour_ms),
        };
        plan.timing.transfer_ms = transfer_ms(&random);
        if plan.later.is_some() {
            Later::stall(&mut plan.provider, &mut plan.timing);
            hurry(&mut plan.callers, &Random::seeded(seed.wrapping_add(0x0068_7572_7279)));
        }
        plan
    }

    /// How long a caller waits for one reply, milliseconds.
    pub fn patience_ms(&self) -> u64 {
        self.hold_ms + 20_000
    }
}

/// The longest pause of a caller between two tries, milliseconds.
pub const PAUSE_MS: u64 = 20_000;

pub(crate) fn timing(random: &Random, temper: &Temper, hold_ms: u64) -> Timing {
    Timing {
        tick_ms: random.between(1_000, 2_500),
        visibility_ms: 20_000,
        receive_wait_ms: if random.chance(500) { 500 } else { 0 },
        lease_ms: 15_000,
        create_timeout_ms: 5_000,
        create_grace_ms: IN_FLIGHT_MS + temper.list_lag_ms + 2 * SKEW_MS + 500,
        absent_gap_ms: 5_000,
        poll_interval_ms: 3_000,
        window_ms: 240_000,
        margin_ms: 60_000,
        longest_try_ms: hold_ms + 20_000 + PAUSE_MS + 2 * SKEW_MS + 1_000,
        max_attempts: 3,
        max_downloads: 10,
        ..Timing::default()
    }
}

/// In half of all runs nobody waits for anybody's transfer: safety must not rest on it.
pub(crate) fn transfer_ms(random: &Random) -> u64 {
    [0, 0, 3_000, 15_000][index(random, 4)]
}

/// Each hazard is absent from some runs and frequent in others, so that each also meets a calm world.
pub(crate) fn hazards(random: &Random) -> Hazards {
    let level = |levels: [u32; 4]| levels[index(random, 4)];
    Hazards {
        delay: level([0, 50, 200, 500]),
        freeze: level([0, 2, 5, 15]),
        lost: level([0, 5, 20, 50]),
        failed: level([0, 5, 20, 50]),
        kill: level([0, 3, 8, 20]),
        repeated: level([0, 20, 100, 300]),
        ticks: level([0, 50, 100, 300]),
        reply: level([0, 0, 50, 200]),
    }
}

pub(crate) fn temper(random: &Random) -> Temper {
    let level = |levels: [u32; 4]| levels[index(random, 4)];
    Temper {
        slowest_ms: random.between(5_000, 90_000),
        list_lag_ms: random.between(0, 5_000),
        passing: level([0, 20, 100, 200]),
        refused: level([0, 0, 50, 100]),
        fails: level([0, 0, 50, 150]),
        expires: level([0, 0, 100, 200]),
        stuck: level([0, 0, 0, 60]),
        cut: level([0, 50, 150, 250]),
        throttled: level([0, 0, 30, 100]),
        late: level([0, 50, 150, 400]),
    }
}

fn callers(random: &Random, calm_ms: u64, hour_ms: u64) -> Vec<CallerPlan> {
    let mut callers = Vec::new();
    let wanted = index(random, 21) + 8;
    let mut question = 0;
    while callers.len() < wanted {
        question += 1;
        let class = if random.chance(350) { "nightly" } else { "soon" };
        let end_ms = if random.chance(700) { hour_ms } else { calm_ms };
        let first_ms = random.between(0, end_ms);
        let (tenant, endpoint, named) = asked(random);
        let twins = if random.chance(250) { index(random, 2) + 2 } else { 1 };
        for _ in 0..twins {
            let manner = if twins > 1 { shared_manner(random) } else { manner(random) };
            let near_ms = random.between(0, 30_000);
            let start_ms = if random.chance(500) { first_ms + near_ms } else { random.between(0, calm_ms) };
            let short = random.chance(80);
            let deadline_ms = if short { random.between(30_000, 400_000) } else { 72 * 3_600_000 };
            let named = named.clone();
            let private = false;
            callers.push(CallerPlan {
                question,
                tenant,
                endpoint,
                named,
                manner,
                class,
                start_ms,
                deadline_ms,
                private,
            });
        }
    }
    callers
}

/// Half of them wait for minutes only, and every fourth question is private.
fn hurry(callers: &mut [CallerPlan], random: &Random) {
    let mut private = (0, false);
    for caller in callers {
        if caller.question != private.0 {
            private = (caller.question, random.chance(250));
        }
        caller.private = private.1;
        if random.chance(500) {
            caller.deadline_ms = random.between(300_000, 900_000);
        }
    }
}

/// Whose a question is, where it goes, and whom it names.
fn asked(random: &Random) -> (&'static str, Endpoint, Option<Named>) {
    let tenant = ["one", NAMING, NAMING, "three"][index(random, 4)];
    let endpoint = if random.chance(400) { Endpoint::Responses } else { Endpoint::ChatCompletions };
    let named = (tenant == NAMING && random.chance(750)).then(|| namings()[index(random, 3)].clone());
    (tenant, endpoint, named)
}

impl CallerPlan {
    /// The body that it sends.
    pub fn body(&self) -> String {
        format!(r#"{{"model":"m","q":"q{}"}}"#, self.question)
    }
}

fn manner(random: &Random) -> Manner {
    match random.between(0, 99) {
        0..=44 => Manner::Holds,
        45..=59 => Manner::Keyed,
        60..=67 => Manner::Returns,
        68..=79 => Manner::Forgets,
        80..=85 => Manner::Leaves,
        _ => Manner::Cancels,
    }
}

/// Twins do not withdraw their job: another of them may have joined it.
fn shared_manner(random: &Random) -> Manner {
    match random.between(0, 99) {
        0..=84 => Manner::Holds,
        85..=94 => Manner::Keyed,
        _ => Manner::Leaves,
    }
}

pub(crate) fn index(random: &Random, length: u64) -> usize {
    usize::try_from(random.between(0, length - 1)).unwrap_or(0)
}
