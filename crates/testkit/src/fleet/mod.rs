//! The world of the fleet: submissions cut into chunks, and run by workers whose processes die, freeze and lose replies,
//! and whose engines fail.
//!
//! ```text
//! callers ─► a sealed submission, perhaps a withdrawal
//!            pollers (advance, the fleet as backend) ─► chaos ─► judge's record ─► fakes
//!            workers (work, the desk) ───────────────►─┘
//!                └─► engines, one each (their ledger: what ran); of live calls one, a provider
//! ```
//! It lives by the weather of the crash world, and a seed decides everything. When the weather has cleared and every
//! submission is done, the judge compares what was put in with what came out: every line once, with its own answer or an
//! error that its engine explains; no line was run by another backend's engine, and a provider was called at its rate. While
//! it runs it looks at each write of a chunk: a part is whole before it is named, a
//! chunk changes hands only where something befell its holder, and no finished line runs again.

mod crew;
mod engine;
mod input;
mod judge;
mod ledger;
mod plan;
mod watch;
mod world;

use std::fmt;
use std::ops::AddAssign;

use offpeak_core::faults::Fault;

use crate::crash::in_paused_time;

/// The safeguards that this world watches.
pub const FAULTS: [Fault; 13] = [
    Fault::AnyHolderWrites,
    Fault::FinishedLinesRerun,
    Fault::KillerRunsAgain,
    Fault::AloneInACrowd,
    Fault::PartBeforeDurable,
    Fault::LeaseUnrenewed,
    Fault::CheckpointRenamed,
    Fault::ReportUnbounded,
    Fault::GivenBackByAnybody,
    Fault::BackendsMixed,
    Fault::RatesUnkept,
    Fault::ModelRatesUnkept,
    Fault::HeldTwice,
];

/// What happened how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Runs.
    pub seeds: u64,
    /// Submissions.
    pub submissions: u64,
    /// Of these, withdrawn.
    pub withdrawn: u64,
    /// Of these, of live calls.
    pub live: u64,
    /// Lines.
    pub lines: u64,
    /// Of these, in the results.
    pub answered: u64,
    /// Of these, without success.
    pub failed: u64,
    /// Of these, because their engines died of them.
    pub died: u64,
    /// Chunks that somebody took.
    pub chunks: u64,
    /// Checkpoints.
    pub parts: u64,
    /// Chunks taken, each time counted.
    pub takes: u64,
    /// Of these, from a holder whose lease was over.
    pub takeovers: u64,
    /// Answers that were lost with their holder's lease.
    pub lost: u64,
    /// Answers that engines gave again.
    pub recomputed: u64,
    /// Engines that died.
    pub deaths: u64,
    /// Actors that died.
    pub kills: u64,
    /// Actors that froze.
    pub freezes: u64,
    /// Replies that were lost.
    pub lost_replies: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.submissions += other.submissions;
        self.withdrawn += other.withdrawn;
        self.live += other.live;
        self.lines += other.lines;
        self.answered += other.answered;
        self.failed += other.failed;
        self.died += other.died;
        self.chunks += other.chunks;
        self.parts += other.parts;
        self.takes += other.takes;
        self.takeovers += other.takeovers;
        self.lost += other.lost;
        self.recomputed += other.recomputed;
        self.deaths += other.deaths;
        self.kills += other.kills;
        self.freezes += other.freezes;
        self.lost_replies += other.lost_replies;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seeds, {} submissions ", self.seeds, self.submissions)?;
        write!(f, "({} withdrawn, {} live), ", self.withdrawn, self.live)?;
        write!(f, "{} lines, {} answered ({} without success, ", self.lines, self.answered, self.failed)?;
        write!(f, "{} of deaths), {} chunks, {} takes ", self.died, self.chunks, self.takes)?;
        write!(f, "({} of leases that were over), {} parts, ", self.takeovers, self.parts)?;
        write!(f, "{} answers lost, {} recomputed, ", self.lost, self.recomputed)?;
        write!(f, "{} engine deaths, {} kills, {} freezes, ", self.deaths, self.kills, self.freezes)?;
        write!(f, "{} lost replies", self.lost_replies)
    }
}

/// How a run ended.
pub type Outcome = crate::crash::Outcome<Counts>;

/// Runs one seed, with a safeguard switched off if one is named.
pub fn run(seed: u64, fault: Option<Fault>, traced: bool) -> Outcome {
    in_paused_time(fault, world::World::run(plan::Plan::of(seed), seed, traced))
}
