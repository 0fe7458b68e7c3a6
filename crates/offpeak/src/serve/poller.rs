//! The poller: advances each open submission when it is due, or when there is news of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use offpeak_core::flows::advance::{Advanced, advance};
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{Ports, StoreError};
use offpeak_core::submission::Size;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use super::compose::now_ms;
use super::drivers::{AGAIN_MS, until};
use super::places::Places;

/// Submissions advanced at once.
const ADVANCING: usize = 16;

/// Between two looks at the stored list of open submissions: what is sealed here is known at once.
const RELIST: Duration = Duration::from_secs(10);

/// An advance that panicked is repeated after this, milliseconds.
const ABNORMAL_MS: u64 = 60_000;

/// A large submission without a place is looked at again after this, milliseconds.
const NO_PLACE_MS: u64 = 200;

/// A submission that was advanced, and when it is due again: Unix milliseconds, or never.
type Done = (SubmissionId, Option<u64>);

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
        if self.due.get(&id) == Some(&None) {
            self.stale.insert(id);
        } else {
            self.due.insert(id, Some(0));
        }
    }

    /// Learns of submissions that it may know already.
    fn learn(&mut self, ids: Vec<SubmissionId>) {
        for id in ids {
            self.due.entry(id).or_insert(Some(0));
        }
    }

    /// A submission was advanced.
    fn advanced(&mut self, (id, until_ms): Done) {
        let stale = self.stale.remove(&id);
        match until_ms {
            _ if stale => self.due.insert(id, Some(0)),
            Some(until_ms) => self.due.insert(id, Some(until_ms)),
            None => self.due.remove(&id),
        };
    }

    /// A submission that is due, marked as being advanced.
    fn take(&mut self, now_ms: u64) -> Option<SubmissionId> {
        let due = self.due.iter_mut().filter(|(_, due)| due.is_some_and(|due_ms| due_ms <= now_ms));
        // The longest overdue first, so that a slow provider's submissions do not keep the others waiting.
        let (id, due) = due.min_by_key(|(_, due)| **due)?;
        *due = None;
        Some(*id)
    }

    /// Until the next submission is due.
    fn pause(&self, now_ms: u64) -> Duration {
        let next = self.due.values().flatten().min();
        next.map_or(RELIST, |due_ms| Duration::from_millis(due_ms.saturating_sub(now_ms)))
    }
}

/// Advances submissions until it is time to stop; then waits for those that are under way.
pub(super) async fn poll(
    ports: Ports,
    mut news: mpsc::UnboundedReceiver<SubmissionId>,
    mut stopped: watch::Receiver<bool>,
) {
    let ports = Arc::new(ports);
    let places = Places::new();
    let mut schedule = Schedule::default();
    let mut running: JoinSet<Done> = JoinSet::new();
    let mut relist = tokio::time::interval(RELIST);
    loop {
        let full = begin(&ports, &places, &mut schedule, &mut running);
        let pause = if full { RELIST } else { schedule.pause(now_ms(&ports)) };
        tokio::select! {
            biased;
            () = until(&mut stopped) => break,
            Some(done) = running.join_next(), if !running.is_empty() => settle(&mut schedule, done),
            Some(id) = news.recv() => schedule.news(id),
            _ = relist.tick() => schedule.learn(open(&ports).await),
            () = tokio::time::sleep(pause) => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// Begins with what is due; says whether as many are under way as may be.
fn begin(ports: &Arc<Ports>, places: &Places, schedule: &mut Schedule, running: &mut JoinSet<Done>) -> bool {
    while running.len() < ADVANCING {
        let Some(id) = schedule.take(now_ms(ports)) else { return false };
        running.spawn(advance_one(Arc::clone(ports), places.clone(), id));
    }
    true
}

fn settle(schedule: &mut Schedule, done: Result<Done, JoinError>) {
    match done {
        Ok(done) => schedule.advanced(done),
        Err(error) => tracing::error!(%error, "an advance ended abnormally"),
    }
}

async fn open(ports: &Ports) -> Vec<SubmissionId> {
    ports.submissions.open().await.unwrap_or_else(|error| {
        tracing::error!(%error, "open submissions could not be listed");
        Vec::new()
    })
}

async fn advance_one(ports: Arc<Ports>, places: Places, id: SubmissionId) -> Done {
    let Some(_place) = places.of(size(&ports, id).await) else { return (id, Some(now_ms(&ports) + NO_PLACE_MS)) };
    let advancing = Arc::clone(&ports);
    // A task of its own, so that a panic costs this submission a pause and nobody else anything.
    match tokio::spawn(async move { advance(&advancing, id).await }).await {
        Ok(Ok(Advanced::Until(until_ms))) => (id, Some(until_ms)),
        Ok(Ok(Advanced::Settled)) => (id, None),
        Ok(Err(error)) => {
            failed(id, &error);
            (id, Some(now_ms(&ports) + AGAIN_MS))
        }
        Err(error) => {
            tracing::error!(%error, submission = %id, "an advance ended abnormally");
            (id, Some(now_ms(&ports) + ABNORMAL_MS))
        }
    }
}

/// How large it is, or nothing: what cannot be read is told by the advance.
async fn size(ports: &Ports, id: SubmissionId) -> Size {
    let row = ports.submissions.get(id).await.ok().flatten();
    row.and_then(|row| row.sealed).map(|sealed| sealed.size).unwrap_or_default()
}

fn failed(id: SubmissionId, error: &StoreError) {
    tracing::error!(%error, submission = %id, "a submission could not be advanced");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_is_heard_before_its_time_and_while_advancing() {
        let id = SubmissionId([1; 16]);
        let mut schedule = Schedule::default();
        schedule.learn(vec![id]);
        assert_eq!(schedule.take(5), Some(id));
        schedule.advanced((id, Some(60_000)));
        assert_eq!(schedule.take(5), None);
        schedule.news(id);
        assert_eq!(schedule.take(5), Some(id));
        schedule.news(id);
        assert_eq!(schedule.take(5), None, "it is being advanced");
        schedule.advanced((id, None));
        assert_eq!(schedule.take(5), Some(id), "what came meanwhile is not lost");
        schedule.advanced((id, None));
        assert_eq!(schedule.take(5), None);
    }
}
