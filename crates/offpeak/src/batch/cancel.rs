//! `offpeak batch cancel`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::failure::plain;
use super::target::Target;
use super::wire::Batch;
use crate::output;

/// What is cancelled.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The batch
    #[arg(value_name = "ID")]
    batch: String,
    #[command(flatten)]
    target: Target,
}

/// Cancels, and says how the batch stands.
///
/// # Errors
/// Why it could not be done.
pub(super) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let client = options.target.brief()?;
    let call = async || client.json::<Batch>(client.post(&["batches", &options.batch, "cancel"])).await;
    let cancelled = client.patiently("cancelling the batch", call).await;
    let batch = cancelled.with_context(|| format!("could not cancel {}", options.batch))?;
    output::line(format_args!("{} {}", plain(&batch.id), plain(&batch.status)))?;
    Ok(ExitCode::SUCCESS)
}
