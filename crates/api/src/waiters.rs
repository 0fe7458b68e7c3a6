//! Held calls, by the job they wait for.

use std::collections::HashMap;

use offpeak_core::ids::JobId;
use offpeak_core::ports::{Finished, Wake};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Locks, so that waking and registering seldom meet.
const SHARDS: usize = 16;

type Shard = HashMap<JobId, Vec<oneshot::Sender<Finished>>>;

/// Calls that are held open in this process; the [`Wake`] port of a local gateway.
#[derive(Debug, Default)]
pub struct Waiters {
    shards: [Mutex<Shard>; SHARDS],
}

/// A held call's ear. Dropped, it leaves nothing behind.
pub(crate) struct Ear<'a> {
    waiters: &'a Waiters,
    job: JobId,
    pub(crate) finished: oneshot::Receiver<Finished>,
}

impl Waiters {
    fn shard(&self, job: JobId) -> &Mutex<Shard> {
        &self.shards[usize::from(job.0[0]) % SHARDS]
    }

    /// Listens for a job's end. Whoever registers after it ended hears nothing, so look at the row afterwards.
    pub(crate) fn listen(&self, job: JobId) -> Ear<'_> {
        let (sender, finished) = oneshot::channel();
        self.shard(job).lock().entry(job).or_default().push(sender);
        Ear { waiters: self, job, finished }
    }

    /// Lets every held call go: each finds its channel closed and tells its caller to come back.
    pub fn dismiss(&self) {
        for shard in &self.shards {
            shard.lock().clear();
        }
    }

    /// How many calls are held.
    pub fn held(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().values().map(Vec::len).sum::<usize>()).sum()
    }
}

impl Wake for Waiters {
    fn finished(&self, jobs: Vec<Finished>) {
        for finished in jobs {
            let Some(senders) = self.shard(finished.job).lock().remove(&finished.job) else { continue };
            for sender in senders {
                // A closed one belongs to a call that has gone.
                let _ = sender.send(finished.clone());
            }
        }
    }
}

impl Drop for Ear<'_> {
    fn drop(&mut self) {
        self.finished.close();
        let mut shard = self.waiters.shard(self.job).lock();
        if let Some(senders) = shard.get_mut(&self.job) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                shard.remove(&self.job);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use offpeak_core::job::State;

    use super::*;

    #[tokio::test]
    async fn a_dropped_ear_leaves_nothing_and_the_others_hear() {
        let waiters = Waiters::default();
        let job = JobId([1; 16]);
        let mut first = waiters.listen(job);
        drop(waiters.listen(job));
        assert_eq!(waiters.held(), 1);
        waiters.finished(vec![Finished { job, state: State::Cancelled, body: None }]);
        assert_eq!((&mut first.finished).await.unwrap().job, job);
        drop(first);
        assert_eq!(waiters.held(), 0);
    }
}
