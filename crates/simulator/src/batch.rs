//! One batch: its object on the wire, and the only ways in which it changes.
//!
//! The lifecycle moves it forward; a caller can only wish for its cancellation. Both write under one lock, so that a batch
//! that is being cancelled ends `cancelled` whatever its lifecycle was about to write.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::clock::unix_now;
use crate::endpoint::Endpoint;
use crate::order::{Fate, Order};
use crate::refusal::Refusal;
use crate::validation::Input;
use crate::wire::{BatchError, BatchObject, BatchUsage, ErrorList, RequestCounts, Status};
use crate::world::World;

/// Seconds from creation within which a provider promises to be done.
const WINDOW_S: u64 = 24 * 3600;

/// What has come of a batch's lines.
#[derive(Default)]
pub(crate) struct Harvest {
    /// The file of the answers.
    pub(crate) output_file_id: Option<String>,
    /// The file of the errors.
    pub(crate) error_file_id: Option<String>,
    /// Answers and errors.
    pub(crate) completed: usize,
    /// Errors.
    pub(crate) failed: usize,
    /// Tokens of all answers.
    pub(crate) usage: BatchUsage,
}

/// A batch.
pub(crate) struct Batch {
    /// Its id.
    pub(crate) id: String,
    /// Its place among the batches created, from 1.
    pub(crate) number: u64,
    /// The endpoint of its lines.
    pub(crate) endpoint: Endpoint,
    /// The file of its lines.
    pub(crate) input_file_id: String,
    /// Seconds that its output files are kept.
    pub(crate) output_lifetime_s: u64,
    /// What was decided for it.
    pub(crate) fate: Fate,
    created: Instant,
    quarter: Duration,
    state: Mutex<State>,
    settled: watch::Sender<bool>,
    cancelled: watch::Sender<bool>,
}

struct State {
    object: BatchObject,
    due: Instant,
}

impl Batch {
    /// The batch that `order` asks for, `validating`.
    pub(crate) fn new(world: &World, order: Order, fate: Fate, number: u64) -> Self {
        let created = Instant::now();
        let created_at = unix_now();
        let delay = Duration::from_millis(world.options.batch_delay_ms);
        let id = world.mint("batch_");
        let object = BatchObject {
            id: id.clone(),
            object: "batch",
            endpoint: order.endpoint.path(),
            input_file_id: order.input_file_id.clone(),
            completion_window: "24h",
            created_at,
            expires_at: Some(created_at + WINDOW_S),
            metadata: order.metadata,
            ..BatchObject::default()
        };
        Self {
            id,
            number,
            endpoint: order.endpoint,
            input_file_id: order.input_file_id,
            output_lifetime_s: order.output_lifetime_s,
            fate,
            created,
            quarter: delay / 4,
            state: Mutex::new(State { object, due: created + delay }),
            settled: watch::Sender::new(false),
            cancelled: watch::Sender::new(false),
        }
    }

    /// The object as it stands.
    pub(crate) fn object(&self) -> BatchObject {
        self.state.lock().object.clone()
    }

    /// How long ago it was created.
    pub(crate) fn age(&self) -> Duration {
        self.created.elapsed()
    }

    /// Waits for work that, by the clock, should be over by now.
    pub(crate) async fn catch_up(&self) {
        if Instant::now() >= self.state.lock().due {
            let mut settled = self.settled.subscribe();
            let _ = settled.wait_for(|settled| *settled).await;
        }
    }

    /// Begins to cancel it; repeats are harmless.
    pub(crate) fn cancel(&self) -> Result<BatchObject, Refusal> {
        let mut state = self.state.lock();
        match state.object.status {
            Status::Completed | Status::Failed | Status::Expired => {
                let status = state.object.status.name();
                return Err(Refusal::new(409, format!("Cannot cancel a batch with status '{status}'.")));
            }
            Status::Cancelling | Status::Cancelled => {}
            Status::Validating | Status::InProgress | Status::Finalizing => {
                state.object.status = Status::Cancelling;
                state.object.cancelling_at = Some(unix_now());
                state.due = Instant::now() + self.quarter;
                self.settled.send_replace(false);
                self.cancelled.send_replace(true);
            }
        }
        Ok(state.object.clone())
    }

    /// Whether a caller has cancelled it.
    pub(crate) fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Lets so many quarters of its time pass, fewer if it is cancelled.
    pub(crate) async fn work(&self, quarters: u32) {
        if !self.quarter.is_zero() {
            let _ = tokio::time::timeout(self.quarter * quarters, self.cancellation()).await;
        }
    }

    /// Lets the time of cancelling pass.
    pub(crate) async fn wind_down(&self) {
        if !self.quarter.is_zero() {
            sleep(self.quarter).await;
        }
    }

    /// Waits, without end if need be, until it is cancelled.
    pub(crate) async fn stay(&self) {
        {
            let state = self.state.lock();
            self.settled.send_replace(state.object.status != Status::Cancelling);
        }
        self.cancellation().await;
    }

    async fn cancellation(&self) {
        let mut cancelled = self.cancelled.subscribe();
        let _ = cancelled.wait_for(|cancelled| *cancelled).await;
    }

    /// Its input is sound: `in_progress`.
    pub(crate) fn start(&self, input: &Input) {
        let mut state = self.state.lock();
        state.object.model.clone_from(&input.model);
        state.object.request_counts.total = input.lines.len();
        state.object.in_progress_at = Some(unix_now());
        if state.object.status == Status::Validating {
            state.object.status = Status::InProgress;
        }
    }

    /// Its lines are done: `finalizing`.
    pub(crate) fn finalize(&self) {
        let mut state = self.state.lock();
        if state.object.status == Status::InProgress {
            state.object.status = Status::Finalizing;
            state.object.finalizing_at = Some(unix_now());
        }
    }

    /// Its input is not sound: `failed`.
    pub(crate) fn fail(&self, data: Vec<BatchError>) {
        self.end(Status::Failed, |object| object.errors = Some(ErrorList { object: "list", data }));
    }

    /// It is over: `completed` or `expired` as wanted, with what has come of it.
    pub(crate) fn finish(&self, wanted: Status, harvest: Harvest) {
        self.end(wanted, |object| {
            let total = object.request_counts.total;
            object.output_file_id = harvest.output_file_id;
            object.error_file_id = harvest.error_file_id;
            object.request_counts = RequestCounts { total, completed: harvest.completed, failed: harvest.failed };
            object.usage = Some(harvest.usage);
        });
    }

    fn end(&self, wanted: Status, write: impl FnOnce(&mut BatchObject)) {
        let mut state = self.state.lock();
        let object = &mut state.object;
        let cancelled = object.status == Status::Cancelling;
        object.status = if cancelled { Status::Cancelled } else { wanted };
        let now = Some(unix_now());
        match object.status {
            Status::Failed => object.failed_at = now,
            Status::Expired => object.expired_at = now,
            Status::Completed => object.completed_at = now,
            Status::Cancelled => object.cancelled_at = now,
            Status::Validating | Status::InProgress | Status::Finalizing | Status::Cancelling => {}
        }
        if object.status != Status::Cancelled || wanted != Status::Failed {
            write(object);
        }
        self.settled.send_replace(true);
    }
}
