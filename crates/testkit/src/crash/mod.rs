//! The crash world: every flow of the domain, run by actors that die, freeze, repeat themselves and lose replies.
//!
//! ```text
//! callers ──► front doors ─┐
//!             packers ─────┼──► chaos ──► judge's record ──► fakes
//!             pollers ─────┤       └────► scripted providers (their ledgers: what was paid)
//!             sweeper ─────┤
//!             notifiers ───┘──► receivers (what they were told)
//! ```
//!
//! A seed decides everything, and a run follows tokio's paused clock on one thread: the same seed is the same run.
//! After a while the weather clears, and the world runs on until everything that was accepted is final. Then the
//! judge compares the stores, the provider's ledger and what the callers heard with the promises of DESIGN.md.

pub mod book;
pub mod caller;
pub mod crew;
pub mod directed;
pub mod door;
pub mod judge;
mod judge_answers;
mod judge_money;
pub(crate) mod judge_notices;
pub mod observe;
pub mod observe_notices;
pub mod plan;
pub(crate) mod receivers;
pub mod switch;
pub mod targets;
mod temper;
pub mod trace;
pub mod weather;
pub mod world;

use std::fmt;
use std::ops::AddAssign;

use offpeak_core::faults::{Fault, plant};

/// The safeguards that the world of batches watches too.
pub const SHARED: [Fault; 6] = [
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
    /// Jobs that were accepted.
    pub jobs: u64,
    /// Callers.
    pub callers: u64,
    /// Submissions that were sealed.
    pub submissions: u64,
    /// Actors that died.
    pub kills: u64,
    /// Actors that froze.
    pub freezes: u64,
    /// Replies that were lost, of ports and to callers.
    pub lost_replies: u64,
    /// Callers who got a sample that another got too, after a lost reply among them.
    pub shared_samples: u64,
    /// Lines that were queued again.
    pub reruns: u64,
    /// Of these, those that were taken to a later target.
    pub taken: u64,
    /// Samples that were paid for and that no caller took.
    pub orphans: u64,
    /// Notices that were owed.
    pub notices: u64,
    /// Messages to receivers.
    pub told: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.jobs += other.jobs;
        self.callers += other.callers;
        self.submissions += other.submissions;
        self.kills += other.kills;
        self.freezes += other.freezes;
        self.lost_replies += other.lost_replies;
        self.shared_samples += other.shared_samples;
        self.reruns += other.reruns;
        self.taken += other.taken;
        self.orphans += other.orphans;
        self.notices += other.notices;
        self.told += other.told;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seeds, {} jobs, {} callers, ", self.seeds, self.jobs, self.callers)?;
        write!(f, "{} submissions, {} kills, {} freezes, ", self.submissions, self.kills, self.freezes)?;
        write!(f, "{} lost replies, {} reruns ({} elsewhere), ", self.lost_replies, self.reruns, self.taken)?;
        write!(f, "{} shared samples, {} orphaned samples, ", self.shared_samples, self.orphans)?;
        write!(f, "{} notices, {} told", self.notices, self.told)
    }
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Outcome<C = Counts> {
    /// Which promises were broken, if any.
    pub failures: Vec<String>,
    /// What happened how often.
    pub counts: C,
    /// The trace, if it was asked for.
    pub trace: Vec<String>,
}

/// Runs one seed, with a safeguard switched off if one is named.
pub fn run(seed: u64, fault: Option<Fault>, traced: bool) -> Outcome {
    in_paused_time(fault, world::World::run(seed, traced))
}

/// Runs a world to its end in a time of its own, with a safeguard switched off if one is named.
#[expect(clippy::expect_used, reason = "without a runtime there is no test")]
pub(crate) fn in_paused_time<T>(fault: Option<Fault>, world: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime for one thread");
    plant(fault);
    let outcome = runtime.block_on(Box::pin(world));
    plant(None);
    outcome
}

/// The fault of that name.
pub fn fault(name: &str) -> Option<Fault> {
    Fault::ALL.iter().copied().find(|fault| format!("{fault:?}") == name)
}
