//! What ticks: a packer per class, the poller, the sweeper.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use offpeak_core::flows::advance::{Advanced, advance};
use offpeak_core::flows::{pack, sweep};
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{JobSweep, Ports, SubmissionSweep};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::compose::{Composed, millis, now_ms};
use crate::config::Config;

/// Submissions advanced at once.
const ADVANCING: usize = 16;

/// How long a drain may go on.
const DRAIN_MS: u64 = 600_000;

/// Between two looks at the stored list of open submissions: what is sealed here is known at once.
const RELIST: Duration = Duration::from_secs(10);

/// Between two sweeps for overdue jobs, and for what was kept long enough.
const EXPIRE_EVERY: Duration = Duration::from_secs(30);
const RETIRE_EVERY: Duration = Duration::from_hours(1);

/// A failed step is repeated after this.
const AGAIN_MS: u64 = 1_000;

/// The running drivers.
pub(super) struct Drivers(JoinSet<()>);

impl Drivers {
    /// Waits a moment for what is being done, then cuts it off: every step can be repeated.
    pub(super) async fn stop(mut self) {
        let finish = async { while self.0.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(3), finish).await.is_err() {
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
    drivers.spawn(poller(composed.ports.clone(), news, stopped.clone()));
    let store = (composed.store.jobs(), composed.store.submissions());
    drivers.spawn(sweeper(composed.ports.clone(), store, millis(config.retention.results), stopped.clone()));
    Drivers(drivers)
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

/// Which submissions are to be looked at when.
#[derive(Default)]
struct Schedule {
    /// When each is due, Unix milliseconds; `None` while it is being advanced.
    due: HashMap<SubmissionId, Option<u64>>,
    /// News came of these while they were being advanced.
    stale: HashSet<SubmissionId>,
}

impl Schedule {
    /// Something happened to a submission: it is due now.
    fn news(&mut self, id: SubmissionId) {
        match self.due.insert(id, Some(0)) {
            Some(None) => {
                self.due.insert(id, None);
                self.stale.insert(id);
            }
            Some(Some(_)) | None => {}
        }
    }

    /// A submission was advanced, and is due again at that time or never.
    fn advanced(&mut self, id: SubmissionId, until_ms: Option<u64>) {
        let stale = self.stale.remove(&id);
        match until_ms {
            _ if stale => self.due.insert(id, Some(0)),
            Some(until_ms) => self.due.insert(id, Some(until_ms)),
            None => self.due.remove(&id),
        };
    }

    /// A submission that is due, marked as being advanced.
    fn take(&mut self, now_ms: u64) -> Option<SubmissionId> {
        let (id, due) = self.due.iter_mut().find(|(_, due)| due.is_some_and(|due_ms| due_ms <= now_ms))?;
        *due = None;
        Some(*id)
    }
}

async fn poller(ports: Ports, mut news: mpsc::UnboundedReceiver<SubmissionId>, mut stopped: watch::Receiver<bool>) {
    let ports = Arc::new(ports);
    let mut schedule = Schedule::default();
    let mut running: JoinSet<(SubmissionId, Option<u64>)> = JoinSet::new();
    let mut relist = tokio::time::interval(RELIST);
    loop {
        while running.len() < ADVANCING
            && let Some(id) = schedule.take(now_ms(&ports))
        {
            running.spawn(advance_one(Arc::clone(&ports), id));
        }
        let pause = pause(&ports, &schedule, running.len());
        tokio::select! {
            biased;
            () = until(&mut stopped) => break,
            Some(done) = running.join_next(), if !running.is_empty() => match done {
                Ok((id, until_ms)) => schedule.advanced(id, until_ms),
                Err(error) => tracing::error!(%error, "an advance ended abnormally"),
            },
            Some(id) = news.recv() => schedule.news(id),
            _ = relist.tick() => match ports.submissions.open().await {
                Ok(ids) => ids.into_iter().for_each(|id| { schedule.due.entry(id).or_insert(Some(0)); }),
                Err(error) => tracing::error!(%error, "open submissions could not be listed"),
            },
            () = tokio::time::sleep(pause) => {}
        }
    }
    while running.join_next().await.is_some() {}
}

async fn advance_one(ports: Arc<Ports>, id: SubmissionId) -> (SubmissionId, Option<u64>) {
    match advance(&ports, id).await {
        Ok(Advanced::Until(until_ms)) => (id, Some(until_ms)),
        Ok(Advanced::Settled) => (id, None),
        Err(error) => {
            tracing::error!(%error, submission = %id, "a submission could not be advanced");
            (id, Some(now_ms(&ports) + AGAIN_MS))
        }
    }
}

/// Until the next submission is due; a full house waits for one that is done.
fn pause(ports: &Ports, schedule: &Schedule, running: usize) -> Duration {
    if running >= ADVANCING {
        return RELIST;
    }
    let next = schedule.due.values().flatten().min();
    next.map_or(RELIST, |due_ms| Duration::from_millis(due_ms.saturating_sub(now_ms(ports))))
}

async fn sweeper<S: SubmissionSweep, J: JobSweep>(
    ports: Ports,
    (jobs, submissions): (Arc<J>, Arc<S>),
    retention_ms: u64,
    mut stopped: watch::Receiver<bool>,
) {
    let mut retired_at_ms = 0;
    while nap(EXPIRE_EVERY, &mut stopped).await {
        match sweep::expire(&ports, jobs.as_ref()).await {
            Ok(0) => {}
            Ok(expired) => tracing::info!(expired, "overdue jobs expired"),
            Err(error) => tracing::error!(%error, "a sweep was cut short"),
        }
        if now_ms(&ports) < retired_at_ms + millis(RETIRE_EVERY) {
            continue;
        }
        retired_at_ms = now_ms(&ports);
        match sweep::retire(&ports, jobs.as_ref(), submissions.as_ref(), retention_ms).await {
            Ok(retired) => tracing::info!(?retired, "old results swept"),
            Err(error) => tracing::error!(%error, "a retention sweep was cut short"),
        }
    }
}
