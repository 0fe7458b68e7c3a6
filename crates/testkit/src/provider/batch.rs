//! One batch: a plan made at its creation, carried out as time passes.

use offpeak_core::ids::{BatchId, FileId, SubmissionId};
use offpeak_core::ports::{BatchPhase, BatchReport, NewBatch, ProviderFile};
use offpeak_core::submission::{LineCounts, Refusal};

use super::input::{Request, refusal};
use super::ledger::BatchSummary;
use super::script::{BatchOdds, LineOdds, Script};
use crate::fakes::Random;

/// Never.
pub(super) const NEVER_MS: u64 = u64::MAX;

/// What is to become of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BatchFate {
    Well,
    Throttled,
    Refused,
    TokenLimit,
    Invalid,
    InvalidLines,
    Overlong,
    Stuck,
    Deaf,
}

impl BatchFate {
    pub(super) fn drawn(odds: &BatchOdds, random: &Random) -> Self {
        let odds = [
            (odds.throttled, Self::Throttled),
            (odds.refused, Self::Refused),
            (odds.token_limit, Self::TokenLimit),
            (odds.invalid, Self::Invalid),
            (odds.invalid_lines, Self::InvalidLines),
            (odds.overlong, Self::Overlong),
            (odds.stuck, Self::Stuck),
            (odds.deaf, Self::Deaf),
        ];
        one_of(&odds, random).unwrap_or(Self::Well)
    }
}

/// What is to become of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineFate {
    Well,
    BadRequest,
    RateLimited,
    ServerError,
    TimedOut,
    Vanished,
}

impl LineFate {
    fn drawn(odds: &LineOdds, random: &Random) -> Self {
        let odds = [
            (odds.bad_request, Self::BadRequest),
            (odds.rate_limited, Self::RateLimited),
            (odds.server_error, Self::ServerError),
            (odds.timed_out, Self::TimedOut),
            (odds.vanished, Self::Vanished),
        ];
        one_of(&odds, random).unwrap_or(Self::Well)
    }
}

/// One draw among odds per mille, or none of them.
fn one_of<T: Copy>(odds: &[(u32, T)], random: &Random) -> Option<T> {
    let mut drawn = random.between(0, 999);
    for (per_mille, fate) in odds {
        let per_mille = u64::from(*per_mille);
        if drawn < per_mille {
            return Some(*fate);
        }
        drawn -= per_mille;
    }
    None
}

/// A line and its plan.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) request: Request,
    pub(super) runs_ms: u64,
    pub(super) fate: LineFate,
    pub(super) repeated: bool,
    /// The number of its execution, once it has run.
    pub(super) sample: Option<u64>,
}

/// A batch and its plan.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: BatchId,
    pub(super) submission: SubmissionId,
    pub(super) file: FileId,
    pub(super) created_ms: u64,
    pub(super) listed_ms: u64,
    /// When its lines begin to run.
    begins_ms: u64,
    /// By the time at which they run.
    pub(super) lines: Vec<Line>,
    /// How many of them have run.
    pub(super) run: usize,
    ends_ms: u64,
    end: BatchPhase,
    pub(super) ended: bool,
    cancelled: bool,
    deaf: bool,
    /// Of the results, once it has ended.
    pub(super) files: Vec<ProviderFile>,
}

impl Batch {
    /// A batch that begins now, over the lines of its file.
    pub(super) fn begun(
        (id, new): (BatchId, &NewBatch),
        input: Result<Vec<Request>, Refusal>,
        fate: BatchFate,
        now_ms: u64,
        (script, random): (&Script, &Random),
    ) -> Self {
        let begins_ms = now_ms + random.between(script.validation.least_ms, script.validation.most_ms);
        let mut batch = Self {
            id,
            submission: new.submission,
            file: new.file.clone(),
            created_ms: now_ms,
            listed_ms: now_ms + random.between(0, script.list_lag_ms),
            begins_ms,
            lines: Vec::new(),
            run: 0,
            ends_ms: begins_ms,
            end: BatchPhase::Completed,
            ended: false,
            cancelled: false,
            deaf: fate == BatchFate::Deaf,
            files: Vec::new(),
        };
        match input.and_then(|requests| validated(requests, fate, random)) {
            Ok(requests) => batch.plan(requests, fate, (script, random)),
            Err(refusal) => batch.end = BatchPhase::Failed(refusal),
        }
        batch
    }

    /// Decides when each line runs and when the batch ends.
    fn plan(&mut self, requests: Vec<Request>, fate: BatchFate, (script, random): (&Script, &Random)) {
        let expires_ms = self.created_ms + script.window_ms;
        let whole_ms = random.between(script.run.least_ms, script.run.most_ms);
        let last_ms = if fate == BatchFate::Overlong {
            expires_ms + random.between(1, script.window_ms)
        } else {
            self.begins_ms + whole_ms
        };
        let unending = matches!(fate, BatchFate::Stuck | BatchFate::Deaf);
        for request in requests {
            let late = unending && random.chance(500);
            let runs_ms = match (late, self.deaf) {
                (true, true) => expires_ms + random.between(script.window_ms, 4 * script.window_ms),
                (true, false) => NEVER_MS,
                (false, _) => random.between(self.begins_ms, last_ms),
            };
            let (fate, repeated) = (LineFate::drawn(&script.lines, random), random.chance(script.lines.repeated));
            self.lines.push(Line { request, runs_ms, fate, repeated, sample: None });
        }
        self.lines.sort_by_key(|line| line.runs_ms);
        (self.ends_ms, self.end) = if unending {
            (NEVER_MS, BatchPhase::Completed)
        } else if last_ms > expires_ms {
            (expires_ms, BatchPhase::Expired)
        } else {
            (last_ms, BatchPhase::Completed)
        };
    }

    /// Up to when its lines run, at `now_ms`.
    pub(super) fn runs_until_ms(&self, now_ms: u64) -> u64 {
        now_ms.min(self.ends_ms)
    }

    /// Whether it ends at `now_ms`, all its lines until then having run.
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        !self.ended && self.ends_ms <= now_ms
    }

    /// Why lines that did not run did not, once it has ended.
    pub(super) fn unfinished_code(&self) -> Option<&'static str> {
        match self.end {
            BatchPhase::Expired => Some("batch_expired"),
            BatchPhase::Cancelled => Some("batch_cancelled"),
            BatchPhase::Running | BatchPhase::Completed | BatchPhase::Failed(_) => None,
        }
    }

    /// Hears a cancel, unless it has ended or is deaf.
    pub(super) fn cancel(&mut self, over_ms: u64) {
        if self.ended {
            return;
        }
        self.cancelled = true;
        if !self.deaf && over_ms < self.ends_ms {
            self.ends_ms = over_ms;
            self.end = BatchPhase::Cancelled;
        }
    }

    pub(super) fn report(&self, now_ms: u64) -> BatchReport {
        let counts = (now_ms >= self.begins_ms).then(|| self.counts());
        let phase = if self.ended { self.end.clone() } else { BatchPhase::Running };
        BatchReport { phase, counts, files: self.files.clone() }
    }

    /// Each line counts once, and only if it has run and is in a file.
    pub(super) fn counts(&self) -> LineCounts {
        let mut counts = LineCounts { total: self.lines.len() as u64, ..LineCounts::default() };
        for line in &self.lines[..self.run] {
            match line.fate {
                LineFate::Well => counts.completed += 1,
                LineFate::BadRequest | LineFate::RateLimited | LineFate::ServerError | LineFate::TimedOut => {
                    counts.failed += 1;
                }
                LineFate::Vanished => {}
            }
        }
        counts
    }

    pub(super) fn summary(&self) -> BatchSummary {
        BatchSummary {
            id: self.id.clone(),
            submission: self.submission,
            file: self.file.clone(),
            created_ms: self.created_ms,
            ended: self.ended,
            cancelled: self.cancelled,
            deaf: self.deaf,
            lines: self.lines.len(),
        }
    }
}

/// The lines that may run, unless the plan is that none may.
fn validated(requests: Vec<Request>, fate: BatchFate, random: &Random) -> Result<Vec<Request>, Refusal> {
    match fate {
        BatchFate::TokenLimit => {
            let refusal = refusal("token_limit_exceeded", "Enqueued token limit reached.");
            Err(Refusal { passing: true, ..refusal })
        }
        BatchFate::Invalid => Err(refusal("invalid_request", "The batch cannot be processed.")),
        BatchFate::InvalidLines => {
            let count = requests.len() as u64;
            let mut lines: Vec<u64> = (0..3).map(|_| random.between(1, count)).collect();
            lines.sort_unstable();
            lines.dedup();
            Err(Refusal { lines, ..refusal("mismatched_model", "The model of this line is another.") })
        }
        BatchFate::Well
        | BatchFate::Throttled
        | BatchFate::Refused
        | BatchFate::Overlong
        | BatchFate::Stuck
        | BatchFate::Deaf => Ok(requests),
    }
}
