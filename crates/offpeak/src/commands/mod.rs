//! The commands beside `serve` and `demo`, one file each.

pub(crate) mod audit;
pub(crate) mod config_check;
pub(crate) mod keys;
pub(crate) mod simulate;
pub(crate) mod status;

use std::future::Future;

use anyhow::Context as _;

/// Runs a command to its end on this thread.
///
/// # Errors
/// The system gives no event loop; or the command's own.
pub(crate) fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("could not start the event loop")?.block_on(command)
}
