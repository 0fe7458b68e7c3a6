//! The world of batches: callers' batches split, run, rerun, merged, cancelled and expired by actors that die, freeze,
//! repeat themselves and lose replies.
//!
//! ```text
//! callers ─► a file, a batch, perhaps a cancel ─┐
//!            drivers ────────────────────────────┼──► chaos ──► judge's record ──► fakes
//!            pollers ────────────────────────────┤       ├────► scripted provider (its ledger: what was paid)
//!            notifiers ──────────────────────────┘       └────► receivers (what they were told)
//! ```
//! It lives by the weather of the crash world, and a seed decides everything. When the weather has cleared and every
//! batch has ended, the judge compares what each caller put in with what it got out: every line once, each with its own
//! answer or a reason, nothing paid for twice, and each end told to whoever wants to hear of it.

mod caller;
mod crew;
mod cut;
pub mod directed;
mod input;
mod judge;
mod judge_money;
mod plan;
mod world;

use std::fmt;
use std::ops::AddAssign;

use offpeak_core::faults::Fault;

use crate::crash::in_paused_time;

/// The safeguards that this world watches.
pub const FAULTS: [Fault; 11] = [
    Fault::PlacedBeforeSplit,
    Fault::UnchosenPlaced,
    Fault::RerunUnchosen,
    Fault::BatchWorkRepeated,
    Fault::RerunsMergedTwice,
    Fault::EndUntold,
    Fault::ToldBeforeItHolds,
    Fault::GraceIgnored,
    Fault::LaneKept,
    Fault::FinishedTakenToo,
    Fault::PrivateLeaves,
];

/// What happened how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Runs.
    pub seeds: u64,
    /// Batches.
    pub batches: u64,
    /// Of these, completed.
    pub completed: u64,
    /// Of these, refused for their input.
    pub failed: u64,
    /// Of these, expired.
    pub expired: u64,
    /// Of these, cancelled.
    pub cancelled: u64,
    /// Lines of those that were not refused.
    pub lines: u64,
    /// Parts.
    pub parts: u64,
    /// Lines that ran again.
    pub reruns: u64,
    /// Parts that were taken to a later target.
    pub taken: u64,
    /// Actors that died.
    pub kills: u64,
    /// Messages to receivers.
    pub told: u64,
    /// Replies that were lost.
    pub lost_replies: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.batches += other.batches;
        self.completed += other.completed;
        self.failed += other.failed;
        self.expired += other.expired;
        self.cancelled += other.cancelled;
        self.lines += other.lines;
        self.parts += other.parts;
        self.reruns += other.reruns;
        self.taken += other.taken;
        self.told += other.told;
        self.kills += other.kills;
        self.lost_replies += other.lost_replies;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seeds, {} batches ({} completed, ", self.seeds, self.batches, self.completed)?;
        write!(f, "{} failed, {} expired, {} cancelled), ", self.failed, self.expired, self.cancelled)?;
        write!(f, "{} lines, {} parts ({} elsewhere), {} reruns, ", self.lines, self.parts, self.taken, self.reruns)?;
        write!(f, "{} told, {} kills, {} lost replies", self.told, self.kills, self.lost_replies)
    }
}

/// How a run ended.
pub type Outcome = crate::crash::Outcome<Counts>;

/// Runs one seed, with a safeguard switched off if one is named.
pub fn run(seed: u64, fault: Option<Fault>, traced: bool) -> Outcome {
    in_paused_time(fault, world::World::run(plan::Plan::of(seed), seed, traced, None))
}

/// Runs three batches in fair weather, but for one death: of whoever makes the nth passage between a flow and its ports.
///
/// One of them is cancelled, and one expires. Returns how many passages there were too.
pub fn run_cut(at: u64, traced: bool) -> (Outcome, u64) {
    let cut = cut::Cut::at(at);
    let world = world::World::run(plan::Plan::fair(), 1, traced, Some(cut.clone()));
    (in_paused_time(None, world), cut.passed())
}
