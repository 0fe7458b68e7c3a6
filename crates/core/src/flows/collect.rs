//! Collect: bring an ended submission's lines home, give every job its outcome, and end it.
//!
//! ```text
//! collecting ─► download to a fresh results object ─► choose it (compare-and-set) ─► settle rows ─► usage ─► done
//! ```
//! The chosen results object is authoritative: rows name only it, and whoever settles reads it again from its start.

use super::advance::{Advancing, Then};
use super::collect_download::{Downloaded, download};
use super::settle::settle;
use super::{batches, manifest, take};
use crate::faults::{Fault, planted};
use crate::ids::{FileId, ObjectName};
use crate::ports::{ByteStream, StoreError};
use crate::submission::{Ending, Event, Refusal, State, Submission};

/// A refusal that may pass is waited out this long before its lines run again.
const PASSING_REFUSAL_MS: u64 = 300_000;

/// Takes a submission that has ended, or ends by `event`, to its end or a step towards it, unless somebody was faster.
pub(super) async fn begin(advancing: &Advancing<'_>, event: Option<Event>) -> Result<Then, StoreError> {
    let Some(row) = advancing.hold(event).await? else { return Ok(Then::Again) };
    let held = Advancing { row: &row, ..*advancing };
    let done = collect(&held).await;
    held.freed(done).await
}

async fn collect(advancing: &Advancing<'_>) -> Result<Then, StoreError> {
    let State::Collecting { ending, results, downloads, .. } = &advancing.row.state else { return Ok(Then::Again) };
    match (ending, results) {
        (Ending::Batch { .. }, None) => choose(advancing).await,
        (Ending::Refused { refusal, .. }, None) if runs_again(refusal) && *downloads == 0 => {
            let patience_ms = PASSING_REFUSAL_MS.min(advancing.timing().poll_interval_ms * 10);
            advancing.take(Event::Retry { not_before_ms: advancing.ports.clock.now_ms() + patience_ms }).await
        }
        (
            Ending::Batch { .. }
            | Ending::Refused { .. }
            | Ending::TooLate { .. }
            | Ending::Withdrawn { .. }
            | Ending::TakenBack { .. },
            _,
        ) => conclude(advancing).await,
    }
}

/// Gives every job its outcome, or a batch its lines, and ends the submission.
async fn conclude(advancing: &Advancing<'_>) -> Result<Then, StoreError> {
    let State::Collecting { ending, results, .. } = &advancing.row.state else { return Ok(Then::Again) };
    let Some(sealed) = &advancing.row.sealed else { return Ok(advancing.rest()) };
    if advancing.row.origin.batch().is_some() {
        batches::bring_home(advancing).await?;
        return advancing.take(Event::Collected { leftovers: kept_or_gone(advancing, ending) }).await;
    }
    let manifest = manifest(advancing.ports, sealed).await?;
    let lines = match results {
        Some(name) => Some((name, advancing.ports.objects.stream(name).await?.1)),
        None => None,
    };
    settle(advancing, &manifest, lines).await?;
    let leftovers = if results.is_some() { kept_or_gone(advancing, ending) } else { leftovers(ending) };
    advancing.take(Event::Collected { leftovers }).await
}

/// Downloads the batch's files into a fresh object, has it chosen unless somebody was faster, and goes on with it.
async fn choose(advancing: &Advancing<'_>) -> Result<Then, StoreError> {
    let fresh: String = crate::hex::encode(&advancing.ports.random.bits()[..8]);
    let name = ObjectName(format!("results/{}-{fresh}.jsonl", advancing.row.id));
    match download(advancing, &name).await? {
        Downloaded::Whole(writer) => {
            if planted(Fault::DoneBeforeDurable) {
                return settle_first(advancing, name, writer).await;
            }
            writer.finish().await?;
        }
        Downloaded::Later => {
            let until_ms = advancing.ports.clock.now_ms() + advancing.timing().poll_interval_ms;
            return Ok(advancing.put_off(until_ms).await);
        }
        Downloaded::Disagrees => {
            return advancing.take(Event::Retry { not_before_ms: again_ms(advancing) }).await;
        }
    }
    let Some(row) = advancing.hold(Some(Event::Choose { results: name.clone() })).await? else {
        return lost(advancing, &name).await;
    };
    let chosen = Advancing { row: &row, ..*advancing };
    let done = conclude(&chosen).await;
    chosen.freed(done).await
}

/// Lost the race or the reply: what was downloaded is deleted only if the row says that another was chosen.
async fn lost(advancing: &Advancing<'_>, name: &ObjectName) -> Result<Then, StoreError> {
    if let Some(Submission { state: State::Collecting { results: Some(chosen), .. }, .. }) =
        advancing.ports.submissions.get(advancing.row.id).await?
        && chosen != *name
    {
        advancing.ports.objects.delete(name).await?;
    }
    Ok(Then::Again)
}

/// When to download again: twice as late each time, an hour at most.
fn again_ms(advancing: &Advancing<'_>) -> u64 {
    let State::Collecting { downloads, .. } = advancing.row.state else { return advancing.ports.clock.now_ms() };
    let pause_ms = advancing.timing().poll_interval_ms << downloads.min(10);
    advancing.ports.clock.now_ms() + pause_ms.min(3_600_000)
}

/// The planted fault of rule 7: rows first, the object second.
async fn settle_first(
    advancing: &Advancing<'_>,
    name: ObjectName,
    writer: Box<dyn crate::ports::ObjectWriter>,
) -> Result<Then, StoreError> {
    let Some(sealed) = &advancing.row.sealed else { return Ok(advancing.rest()) };
    let Some(row) = take(advancing.ports, advancing.row, Event::Choose { results: name.clone() }).await? else {
        return Ok(Then::Again);
    };
    let manifest = manifest(advancing.ports, sealed).await?;
    let stream = again(advancing).await?;
    settle(&Advancing { row: &row, ..*advancing }, &manifest, Some((&name, stream))).await?;
    writer.finish().await?;
    Ok(Then::Again)
}

/// The batch's files once more, one after the other, straight from the provider.
async fn again(advancing: &Advancing<'_>) -> Result<ByteStream, StoreError> {
    use futures_util::StreamExt;
    let State::Collecting { ending: Ending::Batch { files, .. }, .. } = &advancing.row.state else {
        return Ok(futures_util::stream::empty().boxed());
    };
    let mut streams = Vec::new();
    for file in files {
        if let Ok(download) = advancing.backend.download(advancing.key, &file.id).await {
            streams.push(download.bytes);
        }
    }
    Ok(futures_util::stream::iter(streams).flatten().boxed())
}

/// The provider's files that are to be deleted. Where results are doubtful, they are all there is to look at: they stay.
fn kept_or_gone(advancing: &Advancing<'_>, ending: &Ending) -> Vec<FileId> {
    if advancing.is_doubtful() { Vec::new() } else { leftovers(ending) }
}

/// Whether lines of a refused batch run again: then a pause keeps them from going round and round.
fn runs_again(refusal: &Refusal) -> bool {
    refusal.passing || !refusal.lines.is_empty()
}

fn leftovers(ending: &Ending) -> Vec<FileId> {
    match ending {
        Ending::Batch { files, input, .. } => files.iter().map(|file| file.id.clone()).chain([input.clone()]).collect(),
        Ending::Refused { input, .. }
        | Ending::TooLate { input }
        | Ending::Withdrawn { input }
        | Ending::TakenBack { input, .. } => input.iter().cloned().collect(),
    }
}
