//! The end of a batch: its files to the disk, and what the exit code says of it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use super::client::Client;
use super::download::download;
use super::places::Places;
use super::wire::{Batch, Counts};

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All lines succeeded.
    AllSucceeded,
    /// Some lines failed.
    SomeFailed,
    /// The batch failed, expired or was cancelled.
    NotCompleted,
}

impl Verdict {
    /// Of a batch that has ended.
    pub(super) fn of(batch: &Batch) -> Self {
        // A server that does not count tells by the error file.
        let is_short = |counts: Counts| counts.failed > 0 || counts.completed < counts.total;
        let failed = batch.request_counts.map_or(batch.error_file_id.is_some(), is_short);
        match (batch.status.as_str(), failed) {
            ("completed", false) => Self::AllSucceeded,
            ("completed", true) => Self::SomeFailed,
            _ => Self::NotCompleted,
        }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::AllSucceeded => Self::SUCCESS,
            Verdict::SomeFailed => Self::from(2),
            Verdict::NotCompleted => Self::from(3),
        }
    }
}

/// Fetches both files of a batch that has ended, and says what is in them. What lay at their places goes, unless nothing
/// of the batch ran because its input was refused.
///
/// # Errors
/// A file cannot be had or written.
pub(super) async fn collect(client: &Client, batch: &Batch, places: &Places) -> anyhow::Result<Verdict> {
    places.prepare()?;
    for fault in batch.faults() {
        client.progress.say(fault);
    }
    if batch.status == "failed" {
        return Ok(Verdict::of(batch));
    }
    let counts = batch.counts();
    fetch(client, batch.output_file_id.as_deref(), &places.output, counts.completed, "succeeded").await?;
    fetch(client, batch.error_file_id.as_deref(), &places.errors, counts.failed, "failed").await?;
    Ok(Verdict::of(batch))
}

async fn fetch(client: &Client, file: Option<&str>, place: &Path, lines: u64, what: &str) -> anyhow::Result<()> {
    let shown = place.display();
    match file {
        Some(file) => {
            download(client, file, place).await?;
            client.progress.say(format_args!("{lines} {what}: {shown}"));
            Ok(())
        }
        // An earlier run's lines must not pass for this one's.
        None if place.is_file() => {
            std::fs::remove_file(place)
                .with_context(|| format!("could not remove {shown}, which is of an earlier run"))?;
            client.progress.say(format_args!("removed {shown}, which was of an earlier run"));
            Ok(())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_follows_from_status_and_counts() {
        let verdict = |status: &str, counts: Option<(u64, u64)>, error_file: Option<&str>| {
            let request_counts = counts.map(|(completed, failed)| Counts { total: 9, completed, failed });
            let error_file_id = error_file.map(str::to_owned);
            Verdict::of(&Batch { status: status.to_owned(), request_counts, error_file_id, ..Batch::default() })
        };
        assert_eq!(verdict("completed", Some((9, 0)), None), Verdict::AllSucceeded);
        assert_eq!(verdict("completed", Some((8, 1)), Some("f")), Verdict::SomeFailed);
        assert_eq!(verdict("completed", Some((8, 0)), None), Verdict::SomeFailed);
        assert_eq!(verdict("completed", None, None), Verdict::AllSucceeded);
        assert_eq!(verdict("completed", None, Some("f")), Verdict::SomeFailed);
        for status in ["failed", "expired", "cancelled", "unheard of"] {
            assert_eq!(verdict(status, Some((9, 0)), None), Verdict::NotCompleted, "{status}");
        }
    }
}
