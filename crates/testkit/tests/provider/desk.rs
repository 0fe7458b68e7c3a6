//! One caller of one scripted provider.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::{BatchId, FileId, JobId, SubmissionId};
use offpeak_core::ports::{Backend, BatchReport, CreateReply, NewBatch, Upload};
use offpeak_core::submission::line::{self, LineOutcome};
use offpeak_testkit::fakes::TokioClock;
use offpeak_testkit::provider::{BatchOdds, LineOdds, Script, ScriptedProvider};
use offpeak_testkit::samples::Namespace;
use secrecy::SecretString;

pub(crate) const HOUR_MS: u64 = 3_600_000;

pub(crate) struct Desk {
    pub(crate) provider: ScriptedProvider,
    pub(crate) key: SecretString,
    pub(crate) names: Namespace,
}

impl Desk {
    pub(crate) fn new(seed: u64, script: Script) -> Self {
        let provider = ScriptedProvider::new(&TokioClock::default(), seed, script);
        Self { provider, key: SecretString::from("sk-test"), names: Namespace::fresh() }
    }

    pub(crate) async fn upload(&self, count: usize) -> (Vec<JobId>, SubmissionId, FileId) {
        let jobs: Vec<JobId> = (0..count).map(|_| self.names.job_id()).collect();
        let mut file = BytesMut::new();
        for (n, job) in jobs.iter().enumerate() {
            line::write(&mut file, *job, Endpoint::Responses, format!(r#"{{"q":"{n}"}}"#).as_bytes());
        }
        let submission = self.names.submission_id();
        (jobs, submission, self.upload_bytes(submission, file.freeze()).await)
    }

    pub(crate) async fn upload_bytes(&self, submission: SubmissionId, file: Bytes) -> FileId {
        let length = file.len() as u64;
        let bytes = stream::iter([Ok(file)]).boxed();
        self.provider.upload(&self.key, Upload { submission, length, bytes }).await.unwrap()
    }

    pub(crate) async fn create(&self, submission: SubmissionId, file: &FileId) -> CreateReply {
        let file = file.clone();
        let new = NewBatch { submission, file, endpoint: Endpoint::Responses, timeout_ms: 1_000 };
        self.provider.create(&self.key, new).await
    }

    pub(crate) async fn begin(&self, submission: SubmissionId, file: &FileId) -> BatchId {
        let CreateReply::Created(batch) = self.create(submission, file).await else { panic!("created") };
        batch
    }

    pub(crate) async fn poll(&self, batch: &BatchId) -> BatchReport {
        self.provider.poll(&self.key, batch).await.unwrap()
    }

    /// Uploads, runs and waits an hour.
    pub(crate) async fn run(&self, count: usize) -> (Vec<JobId>, BatchId, BatchReport) {
        let (jobs, submission, file) = self.upload(count).await;
        let batch = self.begin(submission, &file).await;
        pass(HOUR_MS).await;
        let report = self.poll(&batch).await;
        (jobs, batch, report)
    }

    /// The bytes that came, and whether their end was an error.
    pub(crate) async fn download(&self, file: &FileId) -> (Option<u64>, Bytes, bool) {
        let mut download = self.provider.download(&self.key, file).await.unwrap();
        let (mut bytes, mut broken) = (BytesMut::new(), false);
        while let Some(piece) = download.bytes.next().await {
            match piece {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(_) => broken = true,
            }
        }
        (download.length, bytes.freeze(), broken)
    }

    /// Every readable result line of a batch.
    pub(crate) async fn results(&self, report: &BatchReport) -> Vec<(JobId, LineOutcome)> {
        let mut results = Vec::new();
        for file in &report.files {
            let (_, bytes, _) = self.download(&file.id).await;
            let lines = bytes.split(|byte| *byte == b'\n').filter_map(line::read);
            results.extend(lines.map(|line| (line.job, line.outcome)));
        }
        results
    }
}

pub(crate) async fn pass(duration_ms: u64) {
    tokio::time::advance(std::time::Duration::from_millis(duration_ms)).await;
}

pub(crate) fn lines(odds: LineOdds) -> Script {
    Script { lines: odds, ..Script::calm() }
}

pub(crate) fn batches(odds: BatchOdds) -> Script {
    Script { batches: odds, ..in_time() }
}

/// A script whose times are those of the harsh one, but nothing goes wrong.
pub(crate) fn in_time() -> Script {
    let calm = Script::calm();
    Script { batches: calm.batches, lines: calm.lines, downloads: calm.downloads, ..Script::harsh() }
}
