//! A Batch API that follows a script, for the crash world: in memory, seeded, and honest only in its ledger.
//!
//! ```text
//! upload ─► file ─► create ─► batch: validating ─► running ─► completed | expired | cancelled | failed ─► files
//!                                                     │
//!                                                     └─► ledger: one entry per line that runs
//! ```
//!
//! A batch's whole plan is drawn when it is created: when each of its lines runs, how each ends, when the batch does.
//! Every call, and every question to the ledger, first carries out what was planned until now by the provider's clock,
//! so nothing needs a task and equal seeds and calls give equal outcomes. After a batch has ended, none of its lines
//! runs. A line is asked for the `q` in its body, and answered with `{"echo": q, "sample": number, …}`: the
//! number is that of its execution. Lost and late replies are not its business: see [`crate::chaos`].

mod batch;
mod input;
mod ledger;
mod output;
mod script;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use offpeak_core::ids::{BatchId, FileId, JobId, SubmissionId};
use offpeak_core::ports::{
    Backend, BackendError, BatchReport, Clock, CreateReply, Download, Marker, NewBatch, ProviderFile, Upload,
};
use offpeak_core::submission::{Limits, Refusal};
use parking_lot::Mutex;
use secrecy::SecretString;

use self::batch::{Batch, BatchFate, LineFate};
use self::input::refusal;
use self::output::File;
use crate::fakes::{Random, TokioClock};

pub use ledger::{BatchSummary, Execution};
pub use script::{BatchOdds, DownloadOdds, LineOdds, Script, Span};

/// A Batch API that follows a script. Clones share their state.
#[derive(Clone)]
pub struct ScriptedProvider {
    clock: TokioClock,
    random: Random,
    script: Arc<Mutex<Script>>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<FileId, File>,
    batches: BTreeMap<BatchId, Batch>,
    ledger: Vec<Execution>,
    names: u64,
}

impl fmt::Debug for ScriptedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedProvider").finish_non_exhaustive()
    }
}

impl ScriptedProvider {
    /// A provider whose clock runs with `clock`, off by as much as the script allows.
    pub fn new(clock: &TokioClock, seed: u64, script: Script) -> Self {
        let random = Random::seeded(seed);
        let skew_ms = i64::try_from(script.skew_ms).unwrap_or(i64::MAX / 2);
        let drawn_ms = i64::try_from(random.between(0, 2 * script.skew_ms)).unwrap_or(0);
        let clock = clock.skewed(drawn_ms - skew_ms);
        Self { clock, random, script: Arc::new(Mutex::new(script)), state: Arc::default() }
    }

    /// Changes the script for batches and downloads from now on, as when the weather clears.
    pub fn follow(&self, script: Script) {
        *self.script.lock() = script;
    }

    /// The provider's clock.
    pub fn clock(&self) -> &TokioClock {
        &self.clock
    }

    /// Every execution so far, batch by batch as they were carried out.
    pub fn executions(&self) -> Vec<Execution> {
        self.now(|state, _| state.ledger.clone())
    }

    /// Every execution of a job's line so far.
    pub fn executions_of(&self, job: JobId) -> Vec<Execution> {
        let id = job.text();
        self.now(|state, _| state.ledger.iter().filter(|one| one.custom_id == id).cloned().collect())
    }

    /// How often a job's line was paid for.
    pub fn billed(&self, job: JobId) -> usize {
        self.executions_of(job).iter().filter(|one| one.billed).count()
    }

    /// Every batch, oldest first.
    pub fn batches(&self) -> Vec<BatchSummary> {
        self.now(|state, _| state.batches.values().map(Batch::summary).collect())
    }

    /// The batches of a submission, oldest first.
    pub fn batches_of(&self, submission: SubmissionId) -> Vec<BatchSummary> {
        self.batches().into_iter().filter(|batch| batch.submission == submission).collect()
    }

    /// The submissions that have more than one batch that has not ended, with those batches.
    pub fn live_twins(&self) -> BTreeMap<SubmissionId, Vec<BatchId>> {
        let mut live: BTreeMap<SubmissionId, Vec<BatchId>> = BTreeMap::new();
        for batch in self.batches().into_iter().filter(|batch| !batch.ended) {
            live.entry(batch.submission).or_default().push(batch.id);
        }
        live.retain(|_, batches| batches.len() > 1);
        live
    }

    /// The files that have not been deleted.
    pub fn files(&self) -> Vec<FileId> {
        self.now(|state, _| state.files.keys().cloned().collect())
    }

    /// Does something with the state as it is at this moment by the provider's clock.
    fn now<T>(&self, with: impl FnOnce(&mut State, u64) -> T) -> T {
        let now_ms = self.clock.now_ms();
        let mut state = self.state.lock();
        state.settle(now_ms, &self.random);
        with(&mut state, now_ms)
    }

    /// The fate of a create, and what it answers if nothing comes of it.
    fn fate(&self, script: &Script) -> Result<BatchFate, CreateReply> {
        let fate = BatchFate::drawn(&script.batches, &self.random);
        match fate {
            BatchFate::Throttled => {
                let retry_after_ms = self.random.chance(500).then(|| self.random.between(100, 5_000));
                Err(CreateReply::Throttled { retry_after_ms })
            }
            BatchFate::Refused => {
                let refusal = refusal("billing_hard_limit_reached", "Billing hard limit has been reached.");
                Err(CreateReply::Refused(Refusal { status: 403, ..refusal }))
            }
            BatchFate::Well
            | BatchFate::TokenLimit
            | BatchFate::Invalid
            | BatchFate::InvalidLines
            | BatchFate::Overlong
            | BatchFate::Stuck
            | BatchFate::Deaf => Ok(fate),
        }
    }
}

impl State {
    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{:06}", self.names)
    }

    /// Carries out what was planned until now.
    fn settle(&mut self, now_ms: u64, random: &Random) {
        let Self { batches, ledger, files, names } = self;
        for batch in batches.values_mut().filter(|batch| !batch.ended) {
            run_lines(batch, now_ms, ledger);
            if !batch.is_over(now_ms) {
                continue;
            }
            let counts = batch.counts();
            for (file, lines) in output::files(batch, random).into_iter().zip([counts.completed, counts.failed]) {
                let Some(file) = file else { continue };
                *names += 1;
                let id = FileId(format!("file-results-{names:06}"));
                batch.files.push(ProviderFile { id: id.clone(), lines: Some(lines) });
                files.insert(id, file);
            }
            batch.ended = true;
        }
    }
}

/// Runs the lines whose time has come, and none after the batch's end.
fn run_lines(batch: &mut Batch, now_ms: u64, ledger: &mut Vec<Execution>) {
    let until_ms = batch.runs_until_ms(now_ms);
    while let Some(line) = batch.lines.get_mut(batch.run).filter(|line| line.runs_ms <= until_ms) {
        let sample = ledger.len() as u64 + 1;
        line.sample = Some(sample);
        ledger.push(Execution {
            submission: batch.submission,
            custom_id: line.request.custom_id.clone(),
            batch: batch.id.clone(),
            sample,
            billed: line.fate == LineFate::Well,
            executed_ms: line.runs_ms,
        });
        batch.run += 1;
    }
}

#[async_trait]
impl Backend for ScriptedProvider {
    fn limits(&self, _: &str) -> Limits {
        self.script.lock().limits
    }

    async fn upload(&self, _: &SecretString, mut upload: Upload) -> Result<FileId, BackendError> {
        let mut bytes = BytesMut::new();
        while let Some(piece) = upload.bytes.next().await {
            bytes.extend_from_slice(&piece.map_err(|_| BackendError::Source)?);
        }
        if bytes.len() as u64 != upload.length {
            return Err(BackendError::Source);
        }
        let file = File { bytes: bytes.freeze(), results: false, counted: false };
        Ok(self.now(|state, _| {
            let id = FileId(state.name("file-"));
            state.files.insert(id.clone(), file);
            id
        }))
    }

    async fn create(&self, _: &SecretString, new: NewBatch) -> CreateReply {
        let script = self.script.lock().clone();
        let fate = match self.fate(&script) {
            Ok(fate) => fate,
            Err(reply) => return reply,
        };
        self.now(|state, now_ms| {
            let file: Option<Bytes> = state.files.get(&new.file).map(|file| file.bytes.clone());
            let input = file
                .ok_or_else(|| refusal("invalid_request", "Cannot find file."))
                .and_then(|file| input::check(&file, new.endpoint, &script.limits));
            let id = BatchId(state.name("batch_"));
            let batch = Batch::begun((id.clone(), &new), input, fate, now_ms, (&script, &self.random));
            state.batches.insert(id.clone(), batch);
            CreateReply::Created(id)
        })
    }

    async fn find(&self, _: &SecretString, marker: Marker) -> Result<Vec<BatchId>, BackendError> {
        Ok(self.now(|state, now_ms| {
            let bears = |batch: &&Batch| batch.submission == marker.submission || batch.file == marker.file;
            let seen = |batch: &&Batch| batch.listed_ms <= now_ms && batch.created_ms >= marker.since_ms;
            state.batches.values().filter(bears).filter(seen).map(|batch| batch.id.clone()).collect()
        }))
    }

    async fn poll(&self, _: &SecretString, batch: &BatchId) -> Result<BatchReport, BackendError> {
        self.now(|state, now_ms| {
            state.batches.get(batch).map(|batch| batch.report(now_ms)).ok_or(BackendError::NotFound)
        })
    }

    async fn cancel(&self, _: &SecretString, batch: &BatchId) -> Result<(), BackendError> {
        let span = self.script.lock().cancellation;
        let delay_ms = self.random.between(span.least_ms, span.most_ms);
        self.now(|state, now_ms| {
            state.batches.get_mut(batch).ok_or(BackendError::NotFound)?.cancel(now_ms + delay_ms);
            Ok(())
        })
    }

    async fn download(&self, _: &SecretString, file: &FileId) -> Result<Download, BackendError> {
        let odds = self.script.lock().downloads;
        self.now(|state, _| {
            let file = state.files.get(file).ok_or(BackendError::NotFound)?;
            Ok(output::download(file, odds, &self.random))
        })
    }

    async fn delete(&self, _: &SecretString, file: &FileId) -> Result<(), BackendError> {
        self.now(|state, _| state.files.remove(file));
        Ok(())
    }
}
