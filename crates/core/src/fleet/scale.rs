//! How many instances a pool should have: looked at once a minute, decided from values.
//!
//! ```text
//!  scaler ──start──► starting ──boot──► working ◄──► idle ──idle_ms, nothing to take──► gone
//!                       │                  │           │     (the instance decides)
//!                       └──── silent for silent_ms ────┘──► terminated (the scaler decides)
//! ```
//! The scaler only ever adds: who works is never ended from outside, and who is idle ends itself. What it goes by is the rows
//! of chunks; the length of a queue is an estimate on AWS, and its metrics sleep while it is empty.

use serde::{Deserialize, Serialize};

use super::Chunk;

/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;

/// How long a refusal says something of now while nobody asks again, milliseconds.
const NEWS_MS: u64 = 600_000;

/// What operators decide of a pool. Where no source is named, a default is our choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaling {
    /// In how much time what is outstanding should be done, milliseconds. Default 1 h: with a boot and an idle end of 8 min
    /// in all, 12 % of what is paid is not work.
    pub drain_ms: u64,
    /// From a start to the first token, milliseconds. Default 3 min: 2 to 4 min are planned for (estimated, not measured,
    /// 2026-11).
    pub boot_ms: u64,
    /// How long an instance that finds nothing to take stays, milliseconds. Default 5 min.
    pub idle_ms: u64,
    /// How long an instance that is not heard of is believed in, milliseconds. Default 15 min.
    pub silent_ms: u64,
    /// How long only spot instances are asked for while there are too few, milliseconds. Default 10 min; 0: not at
    /// all; with `u64::MAX` nothing is ever bought on demand.
    pub fall_back_ms: u64,
    /// Instances that are there also while nothing is outstanding. Default 0.
    pub floor: u32,
    /// Instances at most, those that are leaving included. Default 4: at [`Prices`] a day of them costs $179 at most.
    pub ceiling: u32,
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            drain_ms: HOUR_MS,
            boot_ms: 180_000,
            idle_ms: 300_000,
            silent_ms: 900_000,
            fall_back_ms: 600_000,
            floor: 0,
            ceiling: 4,
        }
    }
}

/// How an instance is bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purchase {
    /// Cheap, and taken back at two minutes' notice.
    Spot,
    /// At the list price, for as long as it is wanted.
    OnDemand,
}

/// What instances cost, micro-dollars an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// Default 930,000: half the list price, as is often seen; not looked up (2026-11-20). It moves by the hour.
    pub spot_micros: u64,
    /// Default 1,861,000: `g6e.xlarge` (one L40S) in us-east-1, from memory (2026-11-20). To be verified before it is relied on.
    pub on_demand_micros: u64,
}

impl Default for Prices {
    fn default() -> Self {
        Self { spot_micros: 930_000, on_demand_micros: 1_861_000 }
    }
}

impl Prices {
    /// What one instance costs in all, micro-dollars: by the second, a minute at least.
    pub fn cost_micros(&self, purchase: Purchase, ran_ms: u64) -> u64 {
        let hourly = match purchase {
            Purchase::Spot => self.spot_micros,
            Purchase::OnDemand => self.on_demand_micros,
        };
        ran_ms.div_ceil(1_000).max(60).saturating_mul(hourly).div_ceil(3_600)
    }
}

/// What a model has outstanding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The model, by the engine's name.
    pub model: String,
    /// Estimated tokens of lines without an answer: see [`outstanding`].
    pub tokens: u64,
    /// Tokens a second that one instance is good for. An L40S with a model of 8 B: 3,500 (estimated, 2026-11). 0 counts as 1.
    pub tokens_per_second: u32,
}

/// Estimated tokens of the lines of these chunks that have no answer yet, whoever holds them.
pub fn outstanding(chunks: &[Chunk]) -> u64 {
    let left = |chunk: &Chunk| {
        if chunk.stop || chunk.state.is_final() {
            return 0;
        }
        let lines = u64::from(chunk.lines).max(1);
        let tokens = u128::from(chunk.tokens) * u128::from(lines.saturating_sub(chunk.finished()));
        u64::try_from(tokens.div_ceil(u128::from(lines))).unwrap_or(u64::MAX)
    };
    chunks.iter().map(left).fold(0, u64::saturating_add)
}

/// Where an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstanceState {
    /// It boots, loads the model, or has not said a word yet.
    Starting,
    /// It has a chunk.
    Working,
    /// It found nothing to take.
    Idle,
    /// It ends: by itself, or since it was given notice.
    Leaving,
}

/// An instance as it is seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// How it was bought.
    pub purchase: Purchase,
    /// Where it stands, as far as is known.
    pub state: InstanceState,
    /// When it was started, Unix milliseconds.
    pub started_ms: u64,
    /// When it was heard of last, or else started, Unix milliseconds.
    pub heard_ms: u64,
}

impl Instance {
    /// Whether it has been silent for too long, also while it leaves.
    fn is_silent(&self, now_ms: u64, scaling: &Scaling) -> bool {
        now_ms.saturating_sub(self.heard_ms) >= scaling.silent_ms
    }

    /// How long until it works, milliseconds. One that is late is believed to come at any moment, until it is silent.
    fn boots_for_ms(&self, now_ms: u64, scaling: &Scaling) -> u64 {
        match self.state {
            InstanceState::Starting => scaling.boot_ms.saturating_sub(now_ms.saturating_sub(self.started_ms)),
            InstanceState::Working | InstanceState::Idle | InstanceState::Leaving => 0,
        }
    }
}

/// That spot instances were asked for in vain, or in part: what a scaler remembers from one look to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// The first try of this shortage, Unix milliseconds.
    pub since_ms: u64,
    /// The last one.
    pub tried_ms: u64,
}

impl Shortage {
    /// What to remember after a try, which was refused in part or wholly, or else served.
    pub fn after(before: Option<Self>, refused: bool, now_ms: u64) -> Option<Self> {
        let since_ms = before.filter(|before| before.is_news(now_ms)).map_or(now_ms, |before| before.since_ms);
        refused.then_some(Self { since_ms, tried_ms: now_ms })
    }

    /// Whether it says anything of now.
    const fn is_news(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.tried_ms) <= NEWS_MS
    }

    /// For how long spot instances were asked for in vain, milliseconds.
    const fn lasts_ms(&self, now_ms: u64) -> u64 {
        if self.is_news(now_ms) { now_ms.saturating_sub(self.since_ms) } else { 0 }
    }
}

/// Instances that serve the same models, as one look finds them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pool {
    /// What is outstanding, by model.
    pub demand: Vec<Demand>,
    /// All that were started and are not gone.
    pub instances: Vec<Instance>,
    /// What became of the last try to get spot instances.
    pub shortage: Option<Shortage>,
}

impl Pool {
    /// How long one instance would work on all that is outstanding, milliseconds.
    fn work_ms(&self) -> u128 {
        let of =
            |demand: &Demand| (u128::from(demand.tokens) * 1_000).div_ceil(u128::from(demand.tokens_per_second.max(1)));
        self.demand.iter().map(of).sum()
    }

    /// The instances that can be expected to work.
    fn counting(&self, now_ms: u64, scaling: &Scaling) -> Vec<&Instance> {
        let counts =
            |instance: &&Instance| instance.state != InstanceState::Leaving && !instance.is_silent(now_ms, scaling);
        self.instances.iter().filter(counts).collect()
    }
}

/// Why so many are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nothing is outstanding, and the floor is kept.
    Nothing,
    /// Those that are there, or starting, are as many as desired.
    Enough,
    /// They are fewer, but done within the target and a boot: who starts now would hardly have come when they are.
    Nearly,
    /// They are too few.
    More,
    /// They are too few, and the ceiling is reached.
    Full,
}

/// What a look comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Instances that should be there. That more are is no reason to end any.
    pub desired: u32,
    /// Instances to start now: spot instances are asked for first, always.
    pub start: u32,
    /// Whether those that spot refuses are bought on demand at once, rather than asked for again at the next look.
    pub fall_back: bool,
    /// Why so many.
    pub why: Why,
    /// Instances to terminate: nobody has heard of them for too long.
    pub terminate: Vec<String>,
}

/// Decides what a pool needs now.
///
/// Desired is `ceil(outstanding tokens / (tokens a second of an instance × target seconds))`, at least the floor, at most the
/// ceiling. Who is starting counts like who works; who leaves or is silent only counts against the ceiling. More are started
/// if those that count would need longer than the target and a boot. Therefore a little more work never starts an instance,
/// and without refusals and below the ceiling all is done within that time of the last arrival or loss, but for the minute
/// until the next look and the time of the last chunk. One that hangs is a loss only once it is silent.
pub fn scale(pool: &Pool, now_ms: u64, scaling: &Scaling) -> Decision {
    let (work_ms, counting) = (pool.work_ms(), pool.counting(now_ms, scaling));
    let count = as_u32(counting.len());
    let uncapped = as_u32(work_ms.div_ceil(u128::from(scaling.drain_ms.max(1))));
    let desired = uncapped.max(scaling.floor).min(scaling.ceiling);

    // Together they are done at the time T for which Σ (T − what each still boots) is the work.
    let boots_ms: u128 = counting.iter().map(|instance| u128::from(instance.boots_for_ms(now_ms, scaling))).sum();
    let in_time_ms = u128::from(count) * (u128::from(scaling.drain_ms) + u128::from(scaling.boot_ms));
    let in_time = count > 0 && work_ms + boots_ms <= in_time_ms;
    let needed = if in_time { scaling.floor.min(desired) } else { desired };
    let start = needed.saturating_sub(count).min(scaling.ceiling.saturating_sub(as_u32(pool.instances.len())));

    let why = if start > 0 {
        Why::More
    } else if work_ms == 0 && count >= desired {
        Why::Nothing
    } else if count < needed || !in_time {
        Why::Full
    } else if count < desired {
        Why::Nearly
    } else {
        Why::Enough
    };
    let fall_back = pool.shortage.map_or(0, |shortage| shortage.lasts_ms(now_ms)) >= scaling.fall_back_ms;
    let silent = pool.instances.iter().filter(|instance| instance.is_silent(now_ms, scaling));
    let terminate = silent.map(|instance| instance.name.clone()).collect();
    Decision { desired, start, fall_back, why, terminate }
}

fn as_u32(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

/// Whether an instance that has found nothing for so long ends itself. Whoever ends it keeps the floor: an Auto Scaling
/// group refuses to go below its minimum.
pub const fn ends_itself(idle_for_ms: u64, something_to_take: bool, scaling: &Scaling) -> bool {
    !something_to_take && idle_for_ms >= scaling.idle_ms
}
