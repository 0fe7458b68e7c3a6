//! Everything that a reset forgets: files, batches, faults and counts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::batch::Batch;
use crate::clock::unix_now;
use crate::digest::{digest, fraction, low_half, mix};
use crate::endpoint::Endpoint;
use crate::engine::Engine;
use crate::knobs::Knobs;
use crate::ledger::{DigestSet, Ledger};
use crate::model::{self, Run, Tokens};
use crate::refusal::Refusal;
use crate::shelf::Shelf;
use crate::wire::FileObject;
use crate::{Counts, Faults, Options};

/// Seconds that batch files are kept unless the caller says otherwise.
pub(crate) const BATCH_FILE_LIFETIME_S: u64 = 30 * 24 * 3600;

/// The span of [`Counts::live_most_in_10_s`].
const TEN_SECONDS: Duration = Duration::from_secs(10);

/// A file with its content.
pub(crate) struct StoredFile {
    /// What is said about it.
    pub(crate) object: FileObject,
    /// What is in it.
    pub(crate) content: Bytes,
}

/// A file about to be stored.
pub(crate) struct NewFile {
    /// Its name.
    pub(crate) filename: String,
    /// Its purpose.
    pub(crate) purpose: String,
    /// What is in it.
    pub(crate) content: Bytes,
    /// Seconds until it expires, if it does.
    pub(crate) lifetime_s: Option<u64>,
}

/// The state between two resets.
pub(crate) struct World {
    /// The simulator's settings.
    pub(crate) options: Arc<Options>,
    /// The files.
    pub(crate) files: Mutex<Shelf<StoredFile>>,
    /// The batches.
    pub(crate) batches: Mutex<Shelf<Batch>>,
    /// The tally.
    pub(crate) counts: Mutex<Counts>,
    ids: Arc<AtomicU64>,
    faults: Mutex<Faults>,
    ledger: Mutex<Ledger>,
    limited_once: Mutex<DigestSet>,
    live_bodies: Mutex<DigestSet>,
    /// When the live calls of the last ten seconds came.
    arrivals: Mutex<VecDeque<Instant>>,
    /// The model server behind the live calls.
    pub(crate) engine: Engine,
    knobs: Knobs,
    runs: AtomicU64,
    draws: AtomicU64,
}

impl World {
    /// An empty world; `ids` is where ids come from, which never repeat.
    pub(crate) fn new(options: Arc<Options>, ids: Arc<AtomicU64>) -> Self {
        let faults = Mutex::new(options.faults.clone());
        Self {
            options,
            files: Mutex::default(),
            batches: Mutex::default(),
            counts: Mutex::default(),
            ids,
            faults,
            ledger: Mutex::default(),
            limited_once: Mutex::default(),
            live_bodies: Mutex::default(),
            arrivals: Mutex::default(),
            engine: Engine::new(),
            knobs: Knobs::default(),
            runs: AtomicU64::new(0),
            draws: AtomicU64::new(0),
        }
    }

    /// The faults as they stand.
    pub(crate) fn faults(&self) -> Faults {
        self.faults.lock().clone()
    }

    /// Puts other faults in force.
    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.faults.lock() = faults;
    }

    /// Whether the counted fault is due; takes one off its count.
    pub(crate) fn due(&self, pick: impl FnOnce(&mut Faults) -> &mut u32) -> bool {
        let mut faults = self.faults.lock();
        let count = pick(&mut faults);
        let due = *count > 0;
        *count = count.saturating_sub(1);
        due
    }

    /// A draw for the fault of that rate: a fraction below 1 where it strikes, 0 the hardest.
    pub(crate) fn strikes(&self, pick: impl FnOnce(&Faults) -> f64) -> Option<f64> {
        let rate = pick(&self.faults.lock());
        if rate <= 0.0 {
            return None;
        }
        let number = self.draws.fetch_add(1, Ordering::Relaxed);
        let drawn = fraction(self.options.seed ^ mix(number));
        (drawn < rate).then(|| drawn / rate)
    }

    /// Waits as long as the fault of that name says.
    pub(crate) async fn pause(&self, pick: impl FnOnce(&Faults) -> u64) {
        let wait_ms = pick(&self.faults.lock());
        if wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    /// A new id.
    pub(crate) fn mint(&self, prefix: &str) -> String {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        format!("{prefix}{:016x}{number:08x}", mix(self.options.seed ^ mix(number)))
    }

    /// Stores a file.
    pub(crate) fn keep(&self, file: NewFile) -> Arc<StoredFile> {
        let created_at = unix_now();
        let object = FileObject {
            id: self.mint("file-"),
            object: "file",
            bytes: u64::try_from(file.content.len()).unwrap_or(u64::MAX),
            created_at,
            expires_at: file.lifetime_s.map(|seconds| created_at + seconds),
            filename: file.filename,
            purpose: file.purpose,
            status: "processed",
            status_details: None,
        };
        let id = object.id.clone();
        let content = file.content;
        let stored = Arc::new(StoredFile { object, content });
        self.files.lock().insert(id, Arc::clone(&stored));
        stored
    }

    /// Runs one request through the model, appending the answer to `out`.
    pub(crate) fn run(
        &self,
        endpoint: Endpoint,
        body: &str,
        digest: u128,
        out: &mut Vec<u8>,
    ) -> Result<Tokens, Refusal> {
        let run = self.admit(endpoint, body, digest)?;
        model::answer(endpoint, body, &run, out)
    }

    /// Runs one request through the model, for a caller that wants events.
    pub(crate) fn stream(&self, endpoint: Endpoint, body: &str, digest: u128) -> Result<Vec<Bytes>, Refusal> {
        let run = self.admit(endpoint, body, digest)?;
        model::stream(endpoint, body, &run)
    }

    fn admit(&self, endpoint: Endpoint, body: &str, digest: u128) -> Result<Run, Refusal> {
        if let Some(refusal) = self.knobs.refusal(endpoint, body, digest) {
            return Err(refusal);
        }
        let number = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let created = unix_now();
        Ok(Run { number, digest, created })
    }

    /// Whether the batch line of that digest is to be answered 429 this once.
    pub(crate) fn limits_once(&self, rate: f64, body: u128) -> bool {
        rate > 0.0 && fraction(self.options.seed ^ low_half(body)) < rate && self.limited_once.lock().insert(body)
    }

    /// Bills one line.
    pub(crate) fn bill(&self, custom_id: &str, body: u128) {
        let id = digest(&[custom_id.as_bytes()]);
        let billing = self.ledger.lock().bill(id, digest(&[custom_id.as_bytes(), &body.to_be_bytes()]));
        let mut counts = self.counts.lock();
        counts.lines_run += 1;
        if billing.paid_before {
            counts.billed_again(custom_id);
        }
        counts.lines_distinct += u64::from(billing.distinct);
        counts.ledger_full |= billing.full;
    }

    /// Notes one more live call to `path`, of so many bytes.
    pub(crate) fn live_call(&self, path: &str, bytes: usize) {
        let (now, mut arrivals) = (Instant::now(), self.arrivals.lock());
        while arrivals.pop_front_if(|came| now.duration_since(*came) >= TEN_SECONDS).is_some() {}
        arrivals.push_back(now);
        let mut counts = self.counts.lock();
        counts.live_most_in_10_s = counts.live_most_in_10_s.max(arrivals.len() as u64);
        counts.live_call(path);
        counts.bytes_in += bytes as u64;
    }

    /// Notes one more live call that was answered 200.
    pub(crate) fn ran_live(&self, body: u128) {
        let distinct = self.live_bodies.lock().insert(body);
        let mut counts = self.counts.lock();
        counts.live_run += 1;
        counts.live_distinct += u64::from(distinct);
    }

    /// The tally at this moment.
    pub(crate) fn tally(&self) -> Counts {
        let present = self.files.lock().len();
        let mut counts = self.counts.lock().clone();
        counts.files_present = u64::try_from(present).unwrap_or(u64::MAX);
        counts.live_deaths = self.engine.deaths();
        counts
    }
}
