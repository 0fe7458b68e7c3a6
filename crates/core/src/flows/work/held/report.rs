//! What the desk is told of a chunk that is held, and what it says.

use super::{Held, LONGEST_PAUSE_MS};
use crate::faults::{Fault, planted};
use crate::ports::{Checkpoint, Leaving, Standing, StoreError};

/// A desk that did not answer is asked again after so long, milliseconds.
const ASKED_AGAIN_MS: u64 = 2_000;

impl Held {
    /// Stores what is due and renews its lease; whether it is held no more.
    pub(in crate::flows::work) async fn keep(&mut self) -> bool {
        let now_ms = self.worker.clock.now_ms();
        let full = self.unstored.bytes() >= self.worker.rules.timing.checkpoint_bytes.min(self.report_bytes());
        let old = self.unstored.since_ms.is_some_and(|since_ms| now_ms >= since_ms + self.lease.checkpoint_ms);
        let is_due = full || old || self.pending.is_some();
        if is_due || now_ms >= self.kept_ms + self.lease.lease_ms / 3 {
            let checkpoint = if is_due { self.checkpoint() } else { None };
            let told = self.worker.desk.keep(&self.lease, checkpoint).await;
            self.heard(told, now_ms);
        }
        self.standing == Standing::Lost
    }

    /// Leaves it with all that is answered; whether that is known to have been stored.
    pub(in crate::flows::work) async fn leave(&mut self) -> bool {
        // A checkpoint whose reply was lost has a number of its own, as has what one report cannot carry: these go first.
        while self.is_more_than_one_report() && self.standing != Standing::Lost {
            let pending = self.checkpoint();
            let now_ms = self.worker.clock.now_ms();
            let told = self.worker.desk.keep(&self.lease, pending).await;
            if !self.heard(told, now_ms) {
                return false;
            }
        }
        if self.standing == Standing::Lost {
            return true;
        }
        let (last, leaving) = (self.checkpoint(), self.leaving());
        let now_ms = self.worker.clock.now_ms();
        let told = self.worker.desk.leave(&self.lease, last, leaving).await;
        self.heard(told, now_ms)
    }

    /// Bytes of answers in one report at most.
    pub(super) fn report_bytes(&self) -> usize {
        if planted(Fault::ReportUnbounded) {
            return usize::MAX;
        }
        self.lease.report_bytes.unwrap_or(usize::MAX)
    }

    fn is_more_than_one_report(&self) -> bool {
        (!self.unstored.is_empty() && self.pending.is_some()) || self.unstored.bytes() > self.report_bytes()
    }

    fn leaving(&self) -> Leaving {
        let ends = self.standing == Standing::Stop || (self.is_finished() && !self.unreadable);
        if ends {
            return Leaving::Finished;
        }
        let (suspects, tried) = (self.suspects.iter().copied().collect(), self.tried.values().copied().collect());
        Leaving::GivenBack { pause_ms: if self.unreadable { LONGEST_PAUSE_MS } else { 0 }, suspects, tried }
    }

    /// The checkpoint that is to be stored: one whose reply is not known first.
    fn checkpoint(&mut self) -> Option<Checkpoint> {
        let most = self.report_bytes();
        if self.pending.is_none()
            && let Some(checkpoint) = self.unstored.checkpoint(self.checkpoints, most)
        {
            self.pending = Some(checkpoint);
            self.checkpoints += 1;
        }
        if planted(Fault::CheckpointRenamed)
            && let Some(pending) = &mut self.pending
        {
            pending.number = self.checkpoints;
            self.checkpoints += 1;
        }
        self.pending.clone()
    }

    /// Takes what the desk says; whether it said anything.
    fn heard(&mut self, told: Result<Standing, StoreError>, now_ms: u64) -> bool {
        let standing = match told {
            Ok(standing) => standing,
            // What it refuses now it refuses always.
            Err(error @ StoreError::Corrupt(_)) => {
                self.warn("the desk refuses what was finished", &error);
                Standing::Lost
            }
            Err(error) => {
                self.warn("the desk does not answer", &error);
                self.asked_ms = self.worker.clock.now_ms() + ASKED_AGAIN_MS;
                return false;
            }
        };
        self.kept_ms = now_ms;
        self.standing = self.standing.max(standing);
        if self.standing != Standing::Held {
            self.drop_lines();
        }
        let stored = self.pending.take().filter(|_| self.standing != Standing::Lost);
        if let Some(stored) = stored {
            self.uncounted.0 += u64::from(stored.lines);
            self.uncounted.1 += u64::from(stored.failed);
        }
        true
    }
}
