//! The life of a batch, from its creation to its end, as one task.
//!
//! ```text
//! validating ──► in_progress ──► finalizing ──► completed
//!     │ ¼            │ ½   └────────────────┐        time of batch_delay_ms in quarters
//!     ▼              ▼                      ▼
//!   failed      cancelling ──► cancelled  expired
//! ```
//!
//! The lines run once, on a blocking thread: all of them on `finalizing`, half of them on expiry or cancellation.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::batch::{Batch, Harvest};
use crate::execution::{self, Share};
use crate::order::Fate;
use crate::validation::{self, Input, fault};
use crate::wire::{BatchError, Status};
use crate::world::{NewFile, World};

/// Leads `batch` to its end.
pub(crate) async fn live(world: Arc<World>, batch: Arc<Batch>) {
    let checked = check(&world, &batch).await;
    batch.work(1).await;
    match checked {
        _ if batch.is_cancelled() => {
            batch.wind_down().await;
            batch.finish(Status::Completed, Harvest::default());
        }
        Ok(input) => process(&world, &batch, input).await,
        Err(errors) => batch.fail(errors),
    }
}

/// Leads a batch with a sound input to its end.
async fn process(world: &Arc<World>, batch: &Arc<Batch>, input: Input) {
    batch.start(&input);
    match batch.fate {
        Fate::Stuck => batch.stay().await,
        Fate::Expire => batch.work(3).await,
        Fate::Complete | Fate::Fail | Fate::TokenLimit => batch.work(2).await,
    }
    let (share, end) = if batch.is_cancelled() {
        (Share::HalfCancelled, Status::Completed)
    } else if batch.fate == Fate::Expire {
        (Share::HalfExpired, Status::Expired)
    } else {
        batch.finalize();
        (Share::All, Status::Completed)
    };
    let harvest = execute(world, batch, input, share).await;
    if batch.is_cancelled() {
        batch.wind_down().await;
    } else if share == Share::All {
        batch.work(1).await;
    }
    batch.finish(end, harvest);
}

/// Validates the input file.
async fn check(world: &Arc<World>, batch: &Arc<Batch>) -> Result<Input, Vec<BatchError>> {
    let Some(file) = world.files.lock().get(&batch.input_file_id) else {
        return Err(vec![fault::unknown_file(&batch.input_file_id)]);
    };
    let (endpoint, max_lines) = (batch.endpoint, world.options.max_lines);
    let checked = spawn_blocking(move || validation::check(file.content.clone(), endpoint, max_lines)).await;
    let checked = checked.unwrap_or_else(|_| Err(vec![fault::broken()]));
    let mut counts = world.counts.lock();
    match checked {
        Ok(input) => {
            counts.largest_batch_lines = counts.largest_batch_lines.max(input.lines.len() as u64);
            match batch.fate {
                Fate::Fail => Err(vec![fault::broken()]),
                Fate::TokenLimit => Err(vec![fault::token_limit(input.model.as_deref())]),
                Fate::Complete | Fate::Expire | Fate::Stuck => Ok(input),
            }
        }
        Err(errors) => {
            let mixed = errors.iter().any(|error| error.code == fault::MISMATCHED_MODEL);
            counts.mixed_model_batches += u64::from(mixed);
            Err(errors)
        }
    }
}

/// Runs the lines and stores what comes of them.
async fn execute(world: &Arc<World>, batch: &Arc<Batch>, input: Input, share: Share) -> Harvest {
    let (execution_world, execution_batch) = (Arc::clone(world), Arc::clone(batch));
    let ran = spawn_blocking(move || execution::run(&execution_world, &execution_batch, &input, share)).await;
    let Ok(results) = ran else { return Harvest::default() };
    Harvest {
        output_file_id: keep(world, batch, "output", results.output),
        error_file_id: keep(world, batch, "error", results.errors),
        completed: results.completed,
        failed: results.failed,
        usage: results.usage,
    }
}

/// Stores a file of results, unless it is empty, and says its id.
fn keep(world: &World, batch: &Batch, kind: &str, content: Vec<u8>) -> Option<String> {
    if content.is_empty() {
        return None;
    }
    let file = world.keep(NewFile {
        filename: format!("{}_{kind}.jsonl", batch.id),
        purpose: "batch_output".to_owned(),
        content: content.into(),
        lifetime_s: Some(batch.output_lifetime_s),
    });
    Some(file.object.id.clone())
}
