//! A tick of live calls: what waits is called, until nothing waits or the invocation nears its end.

use std::pin::pin;

use futures_util::future::{self, Either};
use offpeak_core::flows::work::{Done, Until, Worker, work_until};
use serde::Serialize;
use tokio::sync::watch;

/// No call is begun when less than this is left of an invocation: those that run can end. Whoever is cut off is asked, and
/// paid, again.
const LAST_MS: u64 = 180_000;

/// What is held is brought or given back when no more than this is left.
const RESERVE_MS: u64 = 30_000;

/// Between two looks of a worker that has nothing to do while another has, milliseconds.
const LOOK_MS: u64 = 5_000;

/// What a tick did.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Finished {
    /// Lines that were answered and stored.
    pub lines: u64,
    /// Of these those without success.
    pub failed: u64,
}

/// Has each provider's worker call what waits, all at once. `deadline_ms` is when the invocation ends, Unix milliseconds.
pub async fn handle(workers: &[Worker], deadline_ms: u64) -> Finished {
    let Some(Worker { clock, .. }) = workers.first() else { return Finished::default() };
    let (finish, finishing) = watch::channel(false);
    let (stop, stopped) = watch::channel(false);
    let busy = watch::Sender::new(workers.len());
    let shifts = workers.iter().map(|worker| shift(worker, &busy, (&stopped, &finishing)));
    let until = |end_ms: u64| clock.sleep_ms(end_ms.saturating_sub(clock.now_ms()));
    let ending = async {
        until(deadline_ms.saturating_sub(LAST_MS)).await;
        finish.send_replace(true);
        until(deadline_ms.saturating_sub(RESERVE_MS)).await;
        stop.send_replace(true);
        future::pending::<()>().await;
    };
    let shifts = pin!(future::join_all(shifts));
    let Either::Left((done, _)) = future::select(shifts, pin!(ending)).await else {
        return Finished::default();
    };
    let finished =
        Finished { lines: done.iter().map(|done| done.lines).sum(), failed: done.iter().map(|done| done.failed).sum() };
    if finished.lines > 0 {
        tracing::info!(lines = finished.lines, failed = finished.failed, "called");
    }
    finished
}

/// Works until nobody has anything to do: what comes for one provider does not wait for what another answers, but in the last
/// minutes of an invocation.
async fn shift(
    worker: &Worker,
    busy: &watch::Sender<usize>,
    (stopped, finishing): (&watch::Receiver<bool>, &watch::Receiver<bool>),
) -> Done {
    let mut all = Done::default();
    loop {
        let until = Until { stopped: stopped.clone(), finishing: finishing.clone(), idle_ms: Some(0) };
        let done = work_until(worker, until).await;
        all.lines += done.lines;
        all.failed += done.failed;
        busy.send_modify(|busy| *busy -= 1);
        let mut others = busy.subscribe();
        let nobody = pin!(others.wait_for(|busy| *busy == 0));
        let waited = future::select(nobody, worker.clock.sleep_ms(LOOK_MS)).await;
        if matches!(waited, Either::Left(_)) || *finishing.borrow() {
            return all;
        }
        busy.send_modify(|busy| *busy += 1);
    }
}
