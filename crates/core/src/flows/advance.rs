//! Advance: a submission takes its next steps towards its end.
//!
//! [`crate::submission::step`] decides; here is what it decided, done. State is stored before its effect, by
//! compare-and-set on the submission's version, so two advancers at once are harmless.

use secrecy::SecretString;

use super::{collect, create, hold, take};
use crate::faults::{Fault, planted};
use crate::ids::{FileId, SubmissionId};
use crate::ports::{Backend, BackendError, BatchPhase, BatchReport, Ports, StoreError, Upload};
use crate::submission::{Ending, Event, Placed, Refusal, State, Step, Submission, step};
use crate::timing::Timing;

/// Steps in one advance at most: what is left waits for the next tick.
const STEPS: usize = 16;

/// The longest that a provider can make a submission wait.
const HOUR_MS: u64 = 3_600_000;

/// When to look at a submission again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advanced {
    /// Not before this, Unix milliseconds.
    Until(u64),
    /// Never.
    Settled,
}

/// One submission, its backend and the key towards it, while it is advanced.
pub(super) struct Advancing<'a> {
    pub(super) ports: &'a Ports,
    pub(super) row: &'a Submission,
    pub(super) backend: &'a dyn Backend,
    pub(super) key: &'a SecretString,
}

/// Whether to decide again at once, or to wait.
pub(super) enum Then {
    Again,
    Wait(u64),
}

/// Takes a submission's next steps until it has to wait.
///
/// # Errors
/// [`StoreError`]: repeat at the next tick.
pub async fn advance(ports: &Ports, id: SubmissionId) -> Result<Advanced, StoreError> {
    for _ in 0..STEPS {
        let Some(row) = ports.submissions.get(id).await? else { return Ok(Advanced::Settled) };
        let (now_ms, timing) = (ports.clock.now_ms(), ports.settings.timing_of(&row.lane.provider));
        let out_since_ms = ports.health.out_since_ms(&row.lane, now_ms, timing.patience_ms);
        let next = step(&row, now_ms, timing, out_since_ms);
        match next {
            Step::Rest { until_ms: None } => return Ok(Advanced::Settled),
            Step::Rest { until_ms: Some(until_ms) } => return Ok(Advanced::Until(until_ms)),
            Step::Abandon => {
                take(ports, &row, Event::Abandon).await?;
                continue;
            }
            Step::GiveUp(input) => {
                take(ports, &row, Event::End(Ending::TooLate { input })).await?;
                continue;
            }
            Step::Withdraw(input) => {
                take(ports, &row, Event::End(Ending::Withdrawn { input })).await?;
                continue;
            }
            Step::TakeBack { input, all } => {
                take(ports, &row, Event::End(Ending::TakenBack { input, all })).await?;
                continue;
            }
            Step::Upload
            | Step::BeginCreate(_)
            | Step::Find { .. }
            | Step::Poll(_)
            | Step::Cancel(..)
            | Step::Forsake(_)
            | Step::Collect
            | Step::CleanUp(_) => {}
        }
        let Some(backend) = ports.backends.get(&row.lane.provider) else { return Ok(later(ports, &row)) };
        let key = match ports.credentials.open(&row.lane.credential).await {
            Ok(key) => key,
            Err(StoreError::NotFound | StoreError::Corrupt(_)) => return Ok(later(ports, &row)),
            Err(error) => return Err(error),
        };
        let advancing = Advancing { ports, row: &row, backend: backend.as_ref(), key: &key };
        if let Then::Wait(until_ms) = advancing.take_step(next).await? {
            return Ok(Advanced::Until(until_ms));
        }
    }
    Ok(Advanced::Until(ports.clock.now_ms()))
}

fn later(ports: &Ports, row: &Submission) -> Advanced {
    Advanced::Until(ports.clock.now_ms() + ports.settings.timing_of(&row.lane.provider).poll_interval_ms)
}

impl Advancing<'_> {
    pub(super) fn timing(&self) -> &Timing {
        self.ports.settings.timing_of(&self.row.lane.provider)
    }

    async fn take_step(&self, next: Step) -> Result<Then, StoreError> {
        match next {
            Step::Upload => self.begin_upload().await,
            Step::BeginCreate(file) => create::begin(self, file, None).await,
            Step::Find { creating, may_conclude } => create::find(self, &creating, may_conclude).await,
            Step::Poll(placed) => self.poll(&placed).await,
            Step::Cancel(_, reason) => self.take(Event::Cancel(reason)).await,
            Step::Forsake(placed) => self.forsake(placed).await,
            Step::Collect => collect::begin(self, None).await,
            Step::CleanUp(leftovers) => self.clean_up(leftovers).await,
            Step::Rest { .. } | Step::Abandon | Step::GiveUp(_) | Step::Withdraw(_) | Step::TakeBack { .. } => {
                Ok(Then::Again)
            }
        }
    }

    /// Writes the row after `event` if nobody was faster; either way the next look decides.
    pub(super) async fn take(&self, event: Event) -> Result<Then, StoreError> {
        take(self.ports, self.row, event).await?;
        Ok(Then::Again)
    }

    /// Takes the row for a transfer, with `event` if it moves; `None` if somebody was faster.
    ///
    /// The write that says so is one that the step makes anyhow, but where a transfer is begun again.
    pub(super) async fn hold(&self, event: Option<Event>) -> Result<Option<Submission>, StoreError> {
        let size = self.row.sealed.as_ref().map(|sealed| sealed.size).unwrap_or_default();
        hold(self.ports, self.row, event, self.ports.clock.now_ms() + self.timing().transfer_ms_of(&size)).await
    }

    /// Lets others begin at once where a transfer could not be made. They begin later if this is lost too.
    pub(super) async fn freed(&self, done: Result<Then, StoreError>) -> Result<Then, StoreError> {
        if done.is_err() {
            let _ = hold(self.ports, self.row, None, 0).await;
        }
        done
    }

    /// Waits until then, and has others wait. Who does not hear of it asks too early, which harms nobody.
    pub(super) async fn put_off(&self, until_ms: u64) -> Then {
        let _ = hold(self.ports, self.row, None, until_ms).await;
        Then::Wait(until_ms)
    }

    /// Ends its stay at the backend, and brings its lines home.
    pub(super) async fn end(&self, ending: Ending) -> Result<Then, StoreError> {
        Box::pin(collect::begin(self, Some(Event::End(ending)))).await
    }

    /// Tells operators of a call that failed in passing.
    pub(super) fn failed(&self, call: &'static str, error: &BackendError) {
        tracing::warn!(submission = %self.row.id, provider = self.row.lane.provider, call, %error, "a call failed");
    }

    /// Whether a refusal may pass: it says so, or it is of the gateway's own key, which its operator can mend.
    pub(super) fn passes(&self, refusal: &Refusal) -> bool {
        refusal.passing || (matches!(refusal.status, 401 | 403) && self.row.lane.credential.is_own())
    }

    /// Whether its results were taken although their counts disagreed with its batch's.
    pub(super) fn is_doubtful(&self) -> bool {
        let State::Collecting { downloads, .. } = self.row.state else { return false };
        downloads >= self.timing().max_downloads
    }

    /// Waits for the next poll.
    pub(super) fn rest(&self) -> Then {
        Then::Wait(self.ports.clock.now_ms() + self.timing().poll_interval_ms)
    }

    /// As long as the provider asked, at least a poll's interval and at most an hour.
    fn pause_ms(&self, retry_after_ms: Option<u64>) -> u64 {
        retry_after_ms.unwrap_or(0).min(HOUR_MS).max(self.timing().poll_interval_ms)
    }

    /// Waits as long as the provider asked.
    pub(super) async fn postpone(&self, retry_after_ms: Option<u64>, file: Option<FileId>) -> Result<Then, StoreError> {
        let (now_ms, pause_ms) = (self.ports.clock.now_ms(), self.pause_ms(retry_after_ms));
        // Of a caller's own key it says nothing to others.
        if self.row.lane.credential.is_own() {
            self.ports.health.refused(&self.row.lane, now_ms, self.timing().patience_ms);
        }
        self.take(Event::Postpone { until_ms: now_ms + pause_ms, file }).await
    }

    async fn begin_upload(&self) -> Result<Then, StoreError> {
        let begun = matches!(self.row.state, State::Uploading);
        let Some(row) = self.hold((!begun).then_some(Event::Upload)).await? else { return Ok(Then::Again) };
        let held = Advancing { row: &row, ..*self };
        let done = held.upload().await;
        held.freed(done).await
    }

    async fn upload(&self) -> Result<Then, StoreError> {
        let Some(sealed) = &self.row.sealed else { return Ok(self.rest()) };
        if self.row.lane.is_astray() {
            return self.end(Ending::Refused { refusal: astray(), input: None }).await;
        }
        let (length, bytes) = self.ports.objects.stream(&sealed.object).await?;
        let upload = Upload { submission: self.row.id, length, bytes };
        match self.backend.upload(self.key, upload).await {
            Ok(file) => create::begin(self, file.clone(), Some(file)).await,
            Err(BackendError::Refused(refusal)) if !self.passes(&refusal) => {
                self.end(Ending::Refused { refusal, input: None }).await
            }
            Err(BackendError::Throttled { retry_after_ms }) => self.postpone(retry_after_ms, None).await,
            Err(error @ (BackendError::Refused(_) | BackendError::NotFound | BackendError::Unavailable(_))) => {
                self.failed("upload", &error);
                self.postpone(None, None).await
            }
            Err(error @ BackendError::Source) => {
                self.failed("upload", &error);
                Ok(self.put_off(self.ports.clock.now_ms() + self.timing().poll_interval_ms).await)
            }
        }
    }

    async fn poll(&self, placed: &Placed) -> Result<Then, StoreError> {
        if placed.suspect {
            create::cancel_twins(self, &placed.file, &placed.batch, placed.intended_ms).await;
        }
        if matches!(self.row.state, State::Cancelling(..)) {
            // Asked again at each poll: the first call may have been lost. A refusal shows in the poll that follows.
            let _ = self.backend.cancel(self.key, &placed.batch).await;
        }
        let report = match self.backend.poll(self.key, &placed.batch).await {
            Ok(report) => report,
            Err(BackendError::Throttled { retry_after_ms }) => {
                let pause_ms = self.pause_ms(retry_after_ms);
                let until_ms = self.ports.clock.now_ms() + pause_ms;
                // Whoever polls next at the usual time has to be told, by the row, that it is too early.
                let longer = pause_ms > self.timing().poll_interval_ms;
                return Ok(if longer { self.put_off(until_ms).await } else { Then::Wait(until_ms) });
            }
            Err(
                error @ (BackendError::NotFound
                | BackendError::Refused(_)
                | BackendError::Unavailable(_)
                | BackendError::Source),
            ) => {
                self.failed("poll", &error);
                return Ok(self.rest());
            }
        };
        self.follow(placed, report).await
    }

    /// Does what a provider's word of a batch demands.
    async fn follow(&self, placed: &Placed, report: BatchReport) -> Result<Then, StoreError> {
        match report.phase.clone() {
            BatchPhase::Running => Ok(self.rest()),
            // Ended, but its files are still to come: the overdue rule bounds the wait.
            BatchPhase::Completed | BatchPhase::Expired | BatchPhase::Cancelled if awaits_files(&report) => {
                Ok(self.rest())
            }
            // Some providers fail a batch in the middle: what it finished was paid for.
            BatchPhase::Failed(_) if report.files.is_empty() && ended_lines(&report) > Some(0) => Ok(self.rest()),
            BatchPhase::Failed(_) if !report.files.is_empty() => self.end(ended(placed, report, false)).await,
            BatchPhase::Completed | BatchPhase::Expired | BatchPhase::Cancelled => {
                self.end(ended(placed, report, false)).await
            }
            BatchPhase::Failed(_) if planted(Fault::FailedLeft) => Ok(self.rest()),
            BatchPhase::Failed(refusal) => self.end(refused(placed, refusal)).await,
        }
    }

    /// Ends a batch that the provider does not end: what it has finished is kept, the rest never runs again.
    async fn forsake(&self, placed: Placed) -> Result<Then, StoreError> {
        match self.backend.poll(self.key, &placed.batch).await {
            Ok(report) => self.end(ended(&placed, report, true)).await,
            Err(BackendError::NotFound | BackendError::Refused(_)) => {
                let report = BatchReport { phase: BatchPhase::Running, counts: None, files: Vec::new() };
                self.end(ended(&placed, report, true)).await
            }
            Err(BackendError::Throttled { .. } | BackendError::Unavailable(_) | BackendError::Source) => {
                Ok(self.rest())
            }
        }
    }

    async fn clean_up(&self, leftovers: Vec<FileId>) -> Result<Then, StoreError> {
        let mut remaining = Vec::new();
        for file in leftovers {
            match self.backend.delete(self.key, &file).await {
                Ok(()) | Err(BackendError::NotFound | BackendError::Refused(_)) => {}
                Err(BackendError::Throttled { .. } | BackendError::Unavailable(_) | BackendError::Source) => {
                    remaining.push(file);
                }
            }
        }
        let waits = !remaining.is_empty();
        self.take(Event::Collected { leftovers: remaining }).await?;
        Ok(if waits { self.rest() } else { Then::Again })
    }
}

/// What is private was about to leave: no route leads there, so this is a fault of ours.
fn astray() -> Refusal {
    Refusal {
        status: 403,
        code: "private_data".to_owned(),
        message: "This request is private, and its target is no model server of your own.".to_owned(),
        passing: false,
        lines: Vec::new(),
    }
}

/// Lines that the batch counts as ended, where it counts.
fn ended_lines(report: &BatchReport) -> Option<u64> {
    report.counts.map(|counts| counts.completed + counts.failed)
}

/// Whether lines ended, or may have, that no file holds yet.
fn awaits_files(report: &BatchReport) -> bool {
    report.files.is_empty() && ended_lines(report) != Some(0)
}

fn ended(placed: &Placed, report: BatchReport, forsaken: bool) -> Ending {
    // What is forsaken may never get its files: nothing is promised of them.
    let lines = if forsaken { None } else { ended_lines(&report) };
    Ending::Batch { files: report.files, input: placed.file.clone(), lines, forsaken }
}

fn refused(placed: &Placed, refusal: Refusal) -> Ending {
    Ending::Refused { refusal, input: Some(placed.file.clone()) }
}
