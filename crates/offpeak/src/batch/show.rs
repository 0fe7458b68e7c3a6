//! `offpeak batch show`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use serde_json::value::RawValue;

use super::failure::{Failure, plain};
use super::target::Target;
use super::wire::Batch;
use crate::output;

/// What is shown.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The batch
    #[arg(value_name = "ID")]
    batch: String,
    /// Print the batch as the server gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Shows a batch.
///
/// # Errors
/// Why it could not be done.
pub(super) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let client = options.target.brief()?;
    let call = async || {
        let raw: Box<RawValue> = client.json(client.get(&["batches", &options.batch], &[])).await?;
        let batch: Batch = serde_json::from_str(raw.get()).map_err(|error| Failure::Unreadable(error.to_string()))?;
        Ok((raw, batch))
    };
    let shown = client.patiently("looking at the batch", call).await;
    let (raw, batch) = shown.with_context(|| format!("could not show {}", options.batch))?;
    if options.json {
        output::line(raw.get())?;
    } else {
        output::line(table(&batch).trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a batch has, a line for each.
fn table(batch: &Batch) -> String {
    let counts = batch.counts();
    let counted = format!("{} of {} succeeded, {} failed", counts.completed, counts.total, counts.failed);
    let rows = [
        ("id", Some(batch.id.clone())),
        ("status", Some(batch.status.clone())),
        ("lines", batch.request_counts.map(|_| counted)),
        ("endpoint", batch.endpoint.clone()),
        ("model", batch.model.clone()),
        ("created", batch.created_at.map(time)),
        ("expires", batch.expires_at.map(time)),
        ("input", batch.input_file_id.clone()),
        ("output", batch.output_file_id.clone()),
        ("errors", batch.error_file_id.clone()),
    ];
    let rows = rows.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let rows = rows.fold(String::new(), |rows, (name, value)| rows + &format!("{name:<10}{}\n", plain(&value)));
    batch.faults().iter().fold(rows, |rows, fault| rows + &format!("{fault}\n"))
}

/// A moment in Unix seconds.
pub(super) fn time(seconds: i64) -> String {
    let at = Timestamp::from_second(seconds).ok();
    at.map_or_else(|| "?".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
