//! What ticks: a packer per class, the drivers of batches and of the inbox, the poller, the sweeper.

use std::sync::Arc;
use std::time::Duration;

use offpeak_config::Config;
use offpeak_core::flows::batches;
use offpeak_core::flows::nightly::look;
use offpeak_core::flows::notices::{self, Delivering};
use offpeak_core::flows::pack;
use offpeak_core::flows::sweep::{self, Retired};
use offpeak_core::flows::sweep_native::{self, Swept};
use offpeak_core::flows::work::{Worker, work};
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{Ports, StoreError};
use offpeak_embedded::{Batches, Files, Jobs, Notices, Store, Submissions, Uploads};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::compose::{Composed, millis, now_ms};
use super::poller::poll;

/// How long a drain may go on.
const DRAIN_MS: u64 = 600_000;

/// Between two sweeps for overdue jobs, and for what was kept long enough.
const EXPIRE_EVERY: Duration = Duration::from_secs(30);
const RETIRE_EVERY: Duration = Duration::from_hours(1);

/// Between two looks into the inbox at least.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A failed step is repeated after this.
pub(super) const AGAIN_MS: u64 = 1_000;

/// What is being done may take so long to end.
const FINISH: Duration = Duration::from_secs(3);

/// Live calls that run are paid: they may take their grace, and a moment to store what came of them.
const FINISH_LIVE: Duration = Duration::from_secs(9);

/// The running drivers, and how long they may take to end.
pub(super) struct Drivers(JoinSet<()>, Duration);

impl Drivers {
    /// Resolves when a driver has ended, which none should while the gateway runs.
    pub(super) async fn ended(&mut self) {
        self.0.join_next().await;
    }

    /// Waits a moment for what is being done, then cuts it off: every step can be repeated.
    pub(super) async fn stop(mut self) {
        let finish = async { while self.0.join_next().await.is_some() {} };
        if tokio::time::timeout(self.1, finish).await.is_err() {
            self.0.shutdown().await;
        }
    }
}

/// Starts everything that ticks.
pub(super) fn start(composed: &Composed, config: &Config, stopped: &watch::Receiver<bool>) -> Drivers {
    let mut drivers = JoinSet::new();
    let (sealed, news) = mpsc::unbounded_channel();
    for class in composed.ports.settings.classes.keys() {
        drivers.spawn(packer(composed.ports.clone(), class.clone(), sealed.clone(), stopped.clone()));
    }
    drivers.spawn(batcher(composed.ports.clone(), sealed, stopped.clone()));
    if config.nightly.is_on() {
        drivers.spawn(nightly(composed.ports.clone(), stopped.clone()));
    }
    drivers.spawn(poll(composed.ports.clone(), news, stopped.clone()));
    let ways = Delivering { webhooks: composed.deliver.clone(), bus: None };
    drivers.spawn(notifier(composed.ports.clone(), ways, stopped.clone()));
    for live in &composed.live {
        drivers.spawn(live_calls(live.worker.clone(), stopped.clone()));
    }
    let rows = Rows::of(&composed.store);
    drivers.spawn(sweeper(composed.ports.clone(), rows, config.retention_ms(), stopped.clone()));
    Drivers(drivers, if composed.live.is_empty() { FINISH } else { FINISH_LIVE })
}

/// Resolves when it is time to stop; also when whoever would say so is gone.
pub(super) async fn until(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Sleeps, unless it is time to stop: then `false`.
async fn nap(duration: Duration, stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::time::timeout(duration, until(stopped)).await.is_err()
}

async fn packer(
    ports: Ports,
    class: String,
    sealed: mpsc::UnboundedSender<SubmissionId>,
    mut stopped: watch::Receiver<bool>,
) {
    let tick = Duration::from_millis((ports.settings.timing.tick_ms / 4).max(5));
    while nap(tick, &mut stopped).await {
        match pack::tick(&ports, &class, now_ms(&ports) + DRAIN_MS).await {
            Ok(ids) => {
                for id in ids {
                    // Without a poller the process is going down; the next one finds the row.
                    let _ = sealed.send(id);
                }
            }
            Err(error) => {
                tracing::error!(%error, class, "a drain was cut short");
                nap(Duration::from_millis(AGAIN_MS), &mut stopped).await;
            }
        }
    }
}

/// Drives batches: what a drive placed or withdrew is told to the poller, and what came home there is met at the next
/// tick.
async fn batcher(ports: Ports, news: mpsc::UnboundedSender<SubmissionId>, mut stopped: watch::Receiver<bool>) {
    let tick = Duration::from_millis(ports.settings.timing.tick_ms.max(5));
    while nap(tick, &mut stopped).await {
        match batches::drive_all(&ports, now_ms(&ports) + DRAIN_MS).await {
            Ok(driven) => {
                for id in driven.news {
                    // Without a poller the process is going down; the next one finds the row.
                    let _ = news.send(id);
                }
            }
            Err(error) => {
                tracing::error!(%error, "open batches could not be listed");
                nap(Duration::from_millis(AGAIN_MS), &mut stopped).await;
            }
        }
    }
}

/// Makes a provider's live calls.
async fn live_calls(worker: Worker, stopped: watch::Receiver<bool>) {
    let done = work(&worker, stopped).await;
    tracing::info!(name = worker.rules.name, lines = done.lines, failed = done.failed, "live calls have ended");
}

/// Sends what is owed to tenants' receivers.
async fn notifier(ports: Ports, ways: Delivering, mut stopped: watch::Receiver<bool>) {
    let tick = Duration::from_millis(ports.settings.timing.tick_ms.max(5));
    while nap(tick, &mut stopped).await {
        // An attempt that is cut off is made again when its lease is over.
        if let Err(error) = notices::deliver_all(&ports, &ways, now_ms(&ports) + DRAIN_MS).await {
            tracing::error!(%error, "owed notices could not be listed");
            nap(Duration::from_millis(AGAIN_MS), &mut stopped).await;
        }
    }
}

/// Keeps schedules and takes what lies in the inbox; a file that comes has to be the same at two looks.
async fn nightly(ports: Ports, mut stopped: watch::Receiver<bool>) {
    let tick = Duration::from_millis(ports.settings.timing.tick_ms).max(LOOK_EVERY);
    while nap(tick, &mut stopped).await {
        if let Err(error) = look(&ports, now_ms(&ports) + DRAIN_MS).await {
            tracing::error!(%error, "the inbox could not be looked through");
        }
    }
}

/// What is swept.
struct Rows {
    jobs: Arc<Jobs>,
    submissions: Arc<Submissions>,
    files: Arc<Files>,
    uploads: Arc<Uploads>,
    batches: Arc<Batches>,
    notices: Arc<Notices>,
}

impl Rows {
    fn of(store: &Store) -> Self {
        Self {
            jobs: store.jobs(),
            submissions: store.submissions(),
            files: store.files(),
            uploads: store.uploads(),
            batches: store.batches(),
            notices: store.notices(),
        }
    }

    async fn retire(&self, ports: &Ports, retention_ms: u64) -> Result<Retired, StoreError> {
        sweep::retire(ports, self.jobs.as_ref(), self.submissions.as_ref(), retention_ms).await
    }

    async fn retire_native(&self, ports: &Ports, retention_ms: u64) -> Result<Swept, StoreError> {
        let Self { files, uploads, batches, notices, .. } = self;
        let (files, uploads) = (files.as_ref(), uploads.as_ref());
        let rows = sweep_native::Rows { files, uploads, batches: batches.as_ref(), notices: notices.as_ref() };
        sweep_native::retire(ports, rows, retention_ms).await
    }
}

async fn sweeper(ports: Ports, rows: Rows, retention_ms: u64, mut stopped: watch::Receiver<bool>) {
    let mut retired_at_ms = 0;
    while nap(EXPIRE_EVERY, &mut stopped).await {
        tell_expired(sweep::expire(&ports, rows.jobs.as_ref()).await);
        if now_ms(&ports) < retired_at_ms + millis(RETIRE_EVERY) {
            continue;
        }
        retired_at_ms = now_ms(&ports);
        tell_retired(rows.retire(&ports, retention_ms).await);
        tell_swept(rows.retire_native(&ports, retention_ms).await);
    }
}

fn tell_expired(swept: Result<usize, StoreError>) {
    match swept {
        Ok(0) => {}
        Ok(expired) => tracing::info!(expired, "overdue jobs expired"),
        Err(error) => cut_short(&error),
    }
}

fn tell_retired(swept: Result<Retired, StoreError>) {
    match swept {
        Ok(retired) => tracing::info!(?retired, "old results swept"),
        Err(error) => cut_short(&error),
    }
}

fn tell_swept(swept: Result<Swept, StoreError>) {
    match swept {
        Ok(swept) => tracing::info!(?swept, "expired files swept"),
        Err(error) => cut_short(&error),
    }
}

fn cut_short(error: &StoreError) {
    tracing::error!(%error, "a sweep was cut short");
}
