//! What a seed decides before a run begins.

use offpeak_core::fleet;
use offpeak_core::timing::Timing;

use super::engine::{MODELS, OTHER};
use crate::crash::plan::{Hazards, hazards, index, temper, timing, transfer_ms};
use crate::fakes::Random;

/// A run, decided.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) timing: Timing,
    pub(super) fleet: fleet::Timing,
    /// When the hazards end, milliseconds after the start.
    pub(super) calm_ms: u64,
    pub(super) pollers: usize,
    pub(super) workers: usize,
    /// Calls at once at most, of each worker.
    pub(super) most: u32,
    pub(super) hazards: Hazards,
    pub(super) engine: Mood,
    /// Calls that its provider lets begin within a minute.
    pub(super) rate: u64,
    pub(super) submissions: Vec<SubmissionPlan>,
}

/// What engines do, in a thousand calls.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mood {
    /// Calls that are answered with 429 or 503.
    pub(super) busy: u32,
    /// Calls that fail in passing: 500, a cut connection, an answer that is no JSON.
    pub(super) failing: u32,
    /// Calls that nothing comes of.
    pub(super) hanging: u32,
    /// Calls during which the engine dies.
    pub(super) dying: u32,
    /// Of a thousand deaths those that leave their connections open.
    pub(super) silent: u32,
    /// The longest that it takes to be back, milliseconds.
    pub(super) restart_ms: u64,
}

/// One submission and its caller.
#[derive(Debug, Clone)]
pub(super) struct SubmissionPlan {
    /// Its lines are live calls of the provider.
    pub(super) live: bool,
    pub(super) model: &'static str,
    pub(super) lines: Vec<LinePlan>,
    /// When it comes, milliseconds after the start.
    pub(super) start_ms: u64,
    /// When it is withdrawn, milliseconds after that.
    pub(super) cancel_after_ms: Option<u64>,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinePlan {
    /// Whose it is, of the submission's tenants.
    pub(super) tenant: u32,
    /// How its prompt begins.
    pub(super) prefix: usize,
    pub(super) kind: Kind,
}

/// What becomes of a line that is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is answered.
    Plain,
    /// It is refused.
    Refused,
    /// It kills its engine.
    Deadly,
}

impl Plan {
    /// Calls of the other model that may begin within a minute, of those of the provider.
    pub(super) const fn rate_of_other(&self) -> u64 {
        self.rate / 3
    }

    pub(super) fn of(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let provider = temper(&random);
        let mut timing = Timing { window_ms: 100_000_000, ..timing(&random, &provider, 5_000) };
        timing.transfer_ms = transfer_ms(&random);
        let calm_ms = random.between(40_000, 200_000);
        Self {
            timing,
            fleet: fleet::Timing {
                lease_ms: 15_000,
                checkpoint_ms: random.between(1_000, 8_000),
                checkpoint_bytes: index(&random, 4_000) + 200,
                report_bytes: Some(2_000),
                chunk_tokens: random.between(500, 8_000),
                chunk_lines: 2 + u32::try_from(random.between(0, 28)).unwrap_or(0),
                call_ms: 20_000,
                tries: 3,
                pause_ms: 500,
            },
            calm_ms,
            pollers: index(&random, 2) + 1,
            workers: index(&random, 4) + 1,
            most: [1, 3, 8, 32][index(&random, 4)],
            hazards: Hazards { repeated: 0, reply: 0, ..hazards(&random) },
            engine: mood(&random),
            rate: [30, 120, 1_200][index(&random, 3)],
            submissions: (0..random.between(1, 3)).map(|_| submission(&random, calm_ms)).collect(),
        }
    }
}

fn mood(random: &Random) -> Mood {
    let level = |levels: [u32; 4]| levels[index(random, 4)];
    Mood {
        busy: level([0, 0, 50, 200]),
        failing: level([0, 0, 20, 100]),
        hanging: level([0, 0, 5, 20]),
        dying: level([0, 0, 3, 15]),
        silent: level([0, 0, 300, 1_000]),
        restart_ms: random.between(3_000, 60_000),
    }
}

fn submission(random: &Random, calm_ms: u64) -> SubmissionPlan {
    let tenants = u32::try_from(random.between(1, 3)).unwrap_or(1);
    let is_live = random.chance(300);
    // No line kills a provider.
    let deadly = if random.chance(300) && !is_live { random.between(1, 40) } else { 0 };
    let refused = if random.chance(300) { 100 } else { 0 };
    let line = |_| LinePlan {
        tenant: u32::try_from(random.between(0, u64::from(tenants) - 1)).unwrap_or(0),
        prefix: index(random, 3),
        kind: if random.chance(u32::try_from(deadly).unwrap_or(0)) {
            Kind::Deadly
        } else if random.chance(refused) {
            Kind::Refused
        } else {
            Kind::Plain
        },
    };
    SubmissionPlan {
        live: is_live,
        model: if random.chance(800) { MODELS[0] } else { OTHER },
        lines: (0..random.between(1, 90)).map(line).collect(),
        start_ms: random.between(0, calm_ms / 2),
        cancel_after_ms: random.chance(250).then(|| random.between(0, 150_000)),
    }
}
