//! Where a world's lines go: a provider with its temper; in half of all worlds another that comes after it, and own model
//! servers for what is private.

use std::collections::BTreeMap;
use std::sync::Arc;

use offpeak_core::fleet;
use offpeak_core::ports::Backend;
use offpeak_core::route::{Pattern, Route, Target};
use offpeak_core::submission::Limits;
use offpeak_core::timing::Timing;
use serde_json::Value;

use super::plan::Temper;
use crate::fakes::{Fakes, Random, TokioClock};
use crate::provider::{BatchSummary, Execution, Script, ScriptedProvider, Span};

/// The first provider's name.
pub const FIRST: &str = "provider";

/// The name of the one that comes after it.
pub const SECOND: &str = "second";

/// The longest that a batch takes at a target that comes later, milliseconds.
const LATER_MS: u64 = 15_000;

/// How long the first target is counted on to take, milliseconds.
const COUNTED_ON_MS: u64 = 240_000;

/// How long it may really take where another comes after it: longer than most jobs have.
const WINDOW_MS: u64 = 900_000;

/// What comes after the first target.
#[derive(Debug, Clone, Copy)]
pub struct Later {
    /// So long before its deadline a job is taken there, milliseconds: enough for everything on the way, once nobody dies.
    pub grace_ms: u64,
    /// Whether the second provider has the first one's temper until the weather clears; it is sound otherwise.
    pub tempered: bool,
}

impl Later {
    /// What the seed decides, in half of all worlds; from a sequence of its own, so that it changes nothing else.
    pub fn of(seed: u64) -> Option<Self> {
        let random = Random::seeded(seed ^ 0x7a72_6765_7473);
        random.chance(500).then(|| Self { grace_ms: random.between(200_000, 260_000), tempered: random.chance(500) })
    }

    /// Has the first target stall more often, and for longer than jobs have time.
    pub(crate) fn stall(temper: &mut Temper, timing: &mut Timing) {
        temper.stuck = temper.stuck.max(40);
        timing.window_ms = WINDOW_MS;
    }
}

/// The targets of a world. Clones share their state.
#[derive(Debug, Clone)]
pub struct Targets {
    /// The first.
    pub first: ScriptedProvider,
    /// The one that comes after it.
    pub second: ScriptedProvider,
    /// In place of own model servers.
    pub fleet: ScriptedProvider,
}

impl Targets {
    /// Providers that follow the first one's script, or a sound one.
    pub fn new(clock: &TokioClock, seed: u64, script: &Script, later: Option<Later>) -> Self {
        let second = if later.is_some_and(|later| later.tempered) { script.clone() } else { sound(script) };
        Self {
            first: ScriptedProvider::new(clock, seed.wrapping_add(7), script.clone()),
            second: ScriptedProvider::new(clock, seed.wrapping_add(8), second),
            fleet: ScriptedProvider::new(clock, seed.wrapping_add(9), sound(script)),
        }
    }

    /// The weather clears: everybody is sound, and the later ones are quick.
    pub fn calm(&self, temper: &Temper, limits: Limits, window_ms: u64) {
        let calmed = temper.calmed().script(limits, window_ms);
        self.second.follow(sound(&calmed));
        self.first.follow(calmed);
    }

    /// Them by the names under which lanes know them.
    pub fn backends(&self) -> BTreeMap<String, Arc<dyn Backend>> {
        let named = [(FIRST, &self.first), (SECOND, &self.second), (fleet::NAME, &self.fleet)];
        named.map(|(name, one)| (name.to_owned(), Arc::new(one.clone()) as Arc<dyn Backend>)).into()
    }

    /// Every execution so far, at whichever target.
    pub fn executions(&self) -> Vec<Execution> {
        [&self.first, &self.second, &self.fleet].into_iter().flat_map(ScriptedProvider::executions).collect()
    }

    /// Every execution so far that left own model servers.
    pub fn outside(&self) -> Vec<Execution> {
        [&self.first, &self.second].into_iter().flat_map(ScriptedProvider::executions).collect()
    }

    /// Every batch so far, at whichever target.
    pub fn batches(&self) -> Vec<BatchSummary> {
        [&self.first, &self.second, &self.fleet].into_iter().flat_map(ScriptedProvider::batches).collect()
    }
}

/// Sealed lines that name another model than their lane's: each that is taken to another target is written anew for it.
pub(crate) fn misnamed(fakes: &Fakes) -> Vec<String> {
    let mut misnamed = Vec::new();
    for row in fakes.submissions.snapshot() {
        let object = row.sealed.as_ref().and_then(|sealed| fakes.objects.bytes(&sealed.object)).unwrap_or_default();
        for line in object.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Value = serde_json::from_slice(line).unwrap_or_default();
            if line["body"]["model"] != row.lane.model {
                misnamed.push(format!("{} is for {}, and has {line}", row.id, row.lane.model));
            }
        }
    }
    misnamed
}

/// A script under which nothing fails, and quickly.
fn sound(script: &Script) -> Script {
    let Script { limits, skew_ms, list_lag_ms, window_ms, .. } = script.clone();
    let run = Span::new(500, LATER_MS);
    Script { limits, skew_ms, list_lag_ms, run, window_ms, ..Script::calm() }
}

/// The route of a model in such a world.
pub fn route(model: &str, upstream_model: Option<&str>, later: Option<Later>) -> Route {
    let first = Target { upstream_model: upstream_model.map(str::to_owned), ..Target::to(FIRST) };
    let (target, then) = match later {
        None => (first, Vec::new()),
        Some(later) => {
            let second = Target { upstream_model: Some(format!("{model} there")), ..Target::to(SECOND) };
            let quick = |target| Target { within_ms: 2 * LATER_MS, ..target };
            let first = Target { within_ms: COUNTED_ON_MS, grace_ms: Some(later.grace_ms), ..first };
            (first, vec![quick(second), quick(Target::to(fleet::NAME))])
        }
    };
    Route { model: Pattern::new(model), target, then, class: "soon".to_owned(), deadline_ms: None }
}
