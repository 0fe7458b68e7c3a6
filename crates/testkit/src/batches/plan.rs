//! What a seed decides before a run begins.

use offpeak_core::submission::Limits;
use offpeak_core::timing::Timing;

use crate::crash::plan::{Hazards, Temper, hazards, index, temper, timing, transfer_ms};
use crate::crash::targets::Later;
use crate::fakes::Random;

/// A run, decided.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) timing: Timing,
    /// What a submission may hold.
    pub(super) limits: Limits,
    /// When the hazards end, milliseconds after the start.
    pub(super) calm_ms: u64,
    pub(super) drivers: usize,
    pub(super) pollers: usize,
    pub(super) notifiers: usize,
    pub(super) hazards: Hazards,
    pub(super) provider: Temper,
    /// What comes after the provider, if anything does.
    pub(super) later: Option<Later>,
    pub(super) batches: Vec<BatchPlan>,
}

/// One batch and its caller.
#[derive(Debug, Clone)]
pub(super) struct BatchPlan {
    pub(super) tenant: &'static str,
    /// The models that its lines name, one after the other.
    pub(super) models: Vec<&'static str>,
    pub(super) lines: usize,
    /// A line of its input, counted from 0, that is none.
    pub(super) broken: Option<usize>,
    /// When it comes, milliseconds after the start.
    pub(super) start_ms: u64,
    pub(super) window_ms: u64,
    /// Whether its lines may go to own model servers only.
    pub(super) private: bool,
    /// When it is cancelled, milliseconds after it was created.
    pub(super) cancel_after_ms: Option<u64>,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let provider = temper(&random);
        let timing = Timing { window_ms: random.between(60_000, 240_000), ..timing(&random, &provider, 5_000) };
        let calm_ms = random.between(60_000, 300_000);
        let mut plan = Self {
            timing,
            limits: Limits {
                requests: random.between(2, 9),
                bytes: random.between(600, 1_800),
                tokens: u64::MAX,
                inputs: u64::MAX,
            },
            calm_ms,
            drivers: index(&random, 2) + 1,
            pollers: index(&random, 2) + 1,
            notifiers: index(&random, 2) + 1,
            hazards: Hazards { repeated: 0, reply: 0, ..hazards(&random) },
            provider,
            later: Later::of(seed),
            batches: (0..random.between(1, 4)).map(|_| batch(&random, calm_ms)).collect(),
        };
        plan.timing.transfer_ms = transfer_ms(&random);
        if plan.later.is_some() {
            Later::stall(&mut plan.provider, &mut plan.timing);
            let random = Random::seeded(seed.wrapping_add(0x0068_7572_7279));
            for batch in &mut plan.batches {
                batch.private = random.chance(250);
                if random.chance(500) {
                    batch.window_ms = random.between(300_000, 900_000);
                }
            }
        }
        plan
    }
}

impl Plan {
    /// Fair weather: nothing goes wrong but lines, of which some fail in passing.
    pub(super) fn fair() -> Self {
        let random = Random::seeded(1);
        let passing = Temper { slowest_ms: 8_000, passing: 150, ..temper(&random).calmed() };
        let batch = |models: &[&'static str], lines, window_ms, cancel_after_ms| BatchPlan {
            tenant: "one",
            models: models.to_vec(),
            lines,
            broken: None,
            start_ms: 0,
            window_ms,
            private: false,
            cancel_after_ms,
        };
        Self {
            timing: timing(&random, &passing, 5_000),
            limits: Limits { requests: 3, bytes: 1_800, tokens: u64::MAX, inputs: u64::MAX },
            calm_ms: 120_000,
            drivers: 1,
            pollers: 1,
            notifiers: 1,
            hazards: Hazards::default(),
            provider: passing,
            later: None,
            batches: vec![
                batch(&["plain", "old", "a", "b", "c"], 7, 3_600_000, None),
                batch(&["plain"], 5, 3_600_000, Some(9_000)),
                batch(&["plain"], 5, 5_000, None),
            ],
        }
    }
}

fn batch(random: &Random, calm_ms: u64) -> BatchPlan {
    let models: &[&[&str]] = &[&["plain"], &["plain", "other"], &["old"], &["a", "b", "c", "d", "e", "f"]];
    let lines = index(random, 30) + 1;
    BatchPlan {
        tenant: if random.chance(700) { "one" } else { "two" },
        models: models[index(random, models.len() as u64)].to_vec(),
        lines,
        broken: random.chance(80).then(|| index(random, lines as u64)),
        start_ms: random.between(0, calm_ms / 2),
        window_ms: if random.chance(400) { random.between(5_000, 400_000) } else { 3_600_000 },
        private: false,
        cancel_after_ms: random.chance(300).then(|| random.between(0, 200_000)),
    }
}
