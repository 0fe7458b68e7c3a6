//! The stores as the judge watches them: under every gate, so that what is recorded took effect.

use async_trait::async_trait;
use offpeak_core::batch::{Batch, Part};
use offpeak_core::class::Departures;
use offpeak_core::ids::{JobId, NativeBatchId, SubmissionId, TenantId};
use offpeak_core::job::{self, Job, Mark, Transition};
use offpeak_core::ports::{self, BatchPage, Clock, Created, Depth, Message, Receipt, Received, StoreError, Written};
use offpeak_core::submission::{Ending, State, Submission};

use super::book::Book;
use super::trace::Trace;
use super::weather::Weather;
use crate::fakes::Fakes;

/// What every watched store has at hand.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The stores themselves.
    pub fakes: Fakes,
    /// The record.
    pub book: Book,
    /// The trace.
    pub trace: Trace,
}

impl Watch {
    fn now_ms(&self) -> u64 {
        self.fakes.clock.now_ms()
    }
}

/// The rows of jobs, watched.
#[derive(Debug)]
pub struct Jobs(pub Watch);

#[async_trait]
impl ports::Jobs for Jobs {
    async fn create(&self, jobs: Vec<Job>) -> Result<Vec<Created>, StoreError> {
        let created = ports::Jobs::create(&self.0.fakes.jobs, jobs.clone()).await?;
        for (job, created) in jobs.iter().zip(&created) {
            if *created == Created::New {
                self.0.book.with(|pages| pages.created.insert(job.id, self.0.now_ms()));
                self.0.trace.say("jobs", || format!("created {} ({}, n {})", job.id, job.lane.class, job.joins.n));
            }
        }
        Ok(created)
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        ports::Jobs::get(&self.0.fakes.jobs, ids).await
    }

    async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<Written>, StoreError> {
        let written = ports::Jobs::apply(&self.0.fakes.jobs, transitions.clone()).await?;
        for (one, written) in transitions.iter().zip(&written) {
            let done = *written == Written::Yes;
            self.0.trace.say("jobs", || {
                let verdict = if done { "" } else { " REFUSED" };
                format!("{} {:?} -> {:?} attempt {}{verdict}", one.job, one.when.submission, one.state, one.attempt)
            });
            if !done {
                continue;
            }
            self.0.book.with(|pages| match one.state {
                job::State::Packed { .. } => pages.claims.push((one.job, self.0.now_ms())),
                job::State::Queued => {
                    pages.requeued.insert(one.job);
                    pages.counts.reruns += 1;
                    pages.counts.taken += u64::from(one.lane.is_some());
                }
                job::State::Done(_) | job::State::Failed(_) | job::State::Cancelled | job::State::Expired => {}
            });
        }
        Ok(written)
    }

    async fn mark(&self, id: JobId, mark: Mark) -> Result<Written, StoreError> {
        let written = ports::Jobs::mark(&self.0.fakes.jobs, id, mark).await?;
        self.0.trace.say("jobs", || format!("{id} {mark:?}: {}", written == Written::Yes));
        Ok(written)
    }
}

/// The rows of submissions, watched.
#[derive(Debug)]
pub struct Submissions(pub Watch);

#[async_trait]
impl ports::Submissions for Submissions {
    async fn create(&self, submission: &Submission) -> Result<(), StoreError> {
        self.0.trace.say("submissions", || {
            format!("{} {} ({})", submission.state.kind().name(), submission.id, submission.lane.class)
        });
        ports::Submissions::create(&self.0.fakes.submissions, submission).await
    }

    async fn get(&self, id: SubmissionId) -> Result<Option<Submission>, StoreError> {
        ports::Submissions::get(&self.0.fakes.submissions, id).await
    }

    async fn replace(&self, submission: &Submission) -> Result<bool, StoreError> {
        let done = ports::Submissions::replace(&self.0.fakes.submissions, submission).await?;
        self.0.trace.say("submissions", || {
            let verdict = if done { "" } else { " REFUSED" };
            format!("{} v{} {:?}{verdict}", submission.id, submission.version, submission.state)
        });
        if done && let State::Collecting { ending, results, .. } = &submission.state {
            self.0.book.with(|pages| {
                match ending {
                    Ending::Batch { forsaken: true, .. } => pages.forsaken.insert(submission.id),
                    Ending::Batch { .. } => false,
                    Ending::Refused { .. }
                    | Ending::TooLate { .. }
                    | Ending::Withdrawn { .. }
                    | Ending::TakenBack { .. } => pages.unrun.insert(submission.id),
                };
                if let Some(results) = results {
                    pages.chosen.entry(submission.id).or_default().insert(results.clone());
                }
            });
        }
        Ok(done)
    }

    async fn open(&self) -> Result<Vec<SubmissionId>, StoreError> {
        ports::Submissions::open(&self.0.fakes.submissions).await
    }
}

/// The rows of callers' batches, watched.
#[derive(Debug)]
pub struct Batches(pub Watch);

#[async_trait]
impl ports::Batches for Batches {
    async fn create(&self, batch: &Batch) -> Result<(), StoreError> {
        self.0.trace.say("batches", || format!("create {}", batch.id));
        ports::Batches::create(&self.0.fakes.batches, batch).await
    }

    async fn get(&self, id: NativeBatchId) -> Result<Option<Batch>, StoreError> {
        ports::Batches::get(&self.0.fakes.batches, id).await
    }

    async fn replace(&self, batch: &Batch) -> Result<bool, StoreError> {
        let done = ports::Batches::replace(&self.0.fakes.batches, batch).await?;
        self.0.trace.say("batches", || {
            let verdict = if done { "" } else { " REFUSED" };
            let part = |part: &Part| format!("{} again {} {:?}", part.submission, part.attempt, part.state);
            let parts: Vec<String> = batch.parts.iter().map(part).collect();
            format!("{} v{} {:?} {parts:?}{verdict}", batch.id, batch.version, batch.state)
        });
        Ok(done)
    }

    async fn list(
        &self,
        tenant: &TenantId,
        after: Option<NativeBatchId>,
        limit: usize,
    ) -> Result<BatchPage, StoreError> {
        ports::Batches::list(&self.0.fakes.batches, tenant, after, limit).await
    }

    async fn open(&self) -> Result<Vec<NativeBatchId>, StoreError> {
        ports::Batches::open(&self.0.fakes.batches).await
    }
}

/// The rows of classes, watched.
#[derive(Debug)]
pub struct Classes(pub Watch);

#[async_trait]
impl ports::Classes for Classes {
    async fn get(&self, class: &str) -> Result<Departures, StoreError> {
        ports::Classes::get(&self.0.fakes.classes, class).await
    }

    async fn replace(&self, class: &str, row: &Departures) -> Result<bool, StoreError> {
        let done = ports::Classes::replace(&self.0.fakes.classes, class, row).await?;
        self.0.trace.say("classes", || format!("{class} {row:?}{}", if done { "" } else { " REFUSED" }));
        if done && row.recalled_ms.is_some() {
            let now_ms = self.0.now_ms();
            self.0.book.with(|pages| *pages.recalled.entry(class.to_owned()).or_insert(now_ms));
        }
        Ok(done)
    }
}

/// The intake queues, watched: a receive brings few messages, and a message may come twice.
#[derive(Debug)]
pub struct Intake {
    /// What is watched.
    pub watch: Watch,
    /// Messages that one receive brings at most.
    pub receive: usize,
    /// When to repeat.
    pub weather: Weather,
}

#[async_trait]
impl ports::Intake for Intake {
    async fn send(&self, messages: Vec<Message>) -> Result<(), StoreError> {
        let now_ms = self.watch.now_ms();
        for message in &messages {
            self.watch.book.with(|pages| *pages.sent.entry(message.job).or_insert(now_ms));
            self.watch.trace.say("intake", || format!("sent {} attempt {}", message.job, message.attempt));
        }
        if self.weather.strikes(self.weather.hazards.repeated) {
            ports::Intake::send(&self.watch.fakes.intake, messages.clone()).await?;
        }
        ports::Intake::send(&self.watch.fakes.intake, messages).await
    }

    async fn receive(
        &self,
        class: &str,
        max: usize,
        visibility_ms: u64,
        wait_ms: u64,
    ) -> Result<Vec<Received>, StoreError> {
        // A queue delivers at least once: now and then a message shows although somebody holds it.
        let visibility_ms = if self.weather.strikes(self.weather.hazards.repeated / 4) { 1 } else { visibility_ms };
        let max = max.min(self.receive);
        let received = ports::Intake::receive(&self.watch.fakes.intake, class, max, visibility_ms, wait_ms).await?;
        for one in &received {
            self.watch.trace.say("intake", || format!("received {} ({})", one.message.job, one.receipt.0));
        }
        Ok(received)
    }

    async fn delete(&self, class: &str, receipts: Vec<Receipt>) -> Result<(), StoreError> {
        for receipt in &receipts {
            self.watch.trace.say("intake", || format!("deleted {} of {class}", receipt.0));
        }
        ports::Intake::delete(&self.watch.fakes.intake, class, receipts).await
    }

    async fn depth(&self, class: &str) -> Result<Depth, StoreError> {
        ports::Intake::depth(&self.watch.fakes.intake, class).await
    }
}
