//! Audit of callers' batches: that every line of each is spoken for, checked from the stores.
//!
//! A batch's lines are in the parts that it was split into, each once; a part that came home accounts for each of its
//! lines, and what the provider said of them can be read; those that run again are in a later part; and what has not come
//! home is with a submission that is not done.

use std::collections::BTreeMap;

use super::manifest;
use crate::batch::{Batch, Collected, Part, PartState};
use crate::ids::{NativeBatchId, NativeFileId, SubmissionId};
use crate::ports::{BatchWalk, Ports, StoreError};
use crate::submission::State;

/// Rows read at a time.
const ROWS: usize = 100;

/// What an audit of batches found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchReport {
    /// Rows looked at.
    pub batches: u64,
    /// Their lines.
    pub lines: u64,
    /// Rows of which not every line is spoken for.
    pub violations: Vec<BatchViolation>,
}

/// A row of which not every line is spoken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchViolation {
    /// The batch.
    pub batch: NativeBatchId,
    /// What is wrong.
    pub what: &'static str,
}

/// Checks every row. All reads should come from one snapshot, or nothing else should be running.
///
/// # Errors
/// [`StoreError`].
pub async fn audit_batches(ports: &Ports, walk: &dyn BatchWalk) -> Result<BatchReport, StoreError> {
    let mut report = BatchReport::default();
    let mut after = None;
    loop {
        let rows = walk.scan(after, ROWS).await?;
        let Some(last) = rows.last() else { return Ok(report) };
        after = Some(last.id);
        for batch in rows {
            report.batches += 1;
            report.lines += batch.lines;
            let what = check(ports, &batch).await?;
            report.violations.extend(what.map(|what| BatchViolation { batch: batch.id, what }));
        }
    }
}

async fn check(ports: &Ports, batch: &Batch) -> Result<Option<&'static str>, StoreError> {
    let firsts = batch.parts.iter().filter(|part| part.again_of.is_none());
    if firsts.map(|part| part.sealed.size.requests).sum::<u64>() != batch.lines {
        return Ok(Some("its parts do not have its lines"));
    }
    let mut again: BTreeMap<SubmissionId, u64> = BTreeMap::new();
    for part in &batch.parts {
        if let Some(of) = part.again_of {
            *again.entry(of).or_default() += part.sealed.size.requests;
        }
    }
    for part in &batch.parts {
        let what = match &part.state {
            PartState::Collected(home) => {
                let again = again.get(&part.submission).copied().unwrap_or(0);
                accounts(part, home, again).or(results_gone(ports, home).await?)
            }
            PartState::Sealed | PartState::Placed { .. } => with_its_submission(ports, batch, part).await?,
        };
        if what.is_some() {
            return Ok(what);
        }
    }
    let Some(results) = batch.state.results() else { return Ok(None) };
    let counts = batch.counts();
    if counts.completed + counts.failed != counts.total {
        return Ok(Some("it has ended, and not every line is in its files"));
    }
    for file in [results.output, results.errors].into_iter().flatten() {
        if !can_be_read(ports, file).await? {
            return Ok(Some("it has ended, and a file of it cannot be read"));
        }
    }
    Ok(None)
}

/// A part that came home: each of its lines counts once.
fn accounts(part: &Part, home: &Collected, again: u64) -> Option<&'static str> {
    if home.completed + home.failed + home.unrun + home.rerun != part.sealed.size.requests {
        return Some("a part came home, and does not account for each of its lines");
    }
    (home.rerun != again).then_some("lines run again, and no part has them")
}

/// The provider's lines of a part that came home.
async fn results_gone(ports: &Ports, home: &Collected) -> Result<Option<&'static str>, StoreError> {
    let Some(results) = &home.results else { return Ok(None) };
    match ports.objects.stream(results).await {
        Ok(_) => Ok(None),
        Err(StoreError::NotFound) => Ok(Some("a part came home, and its results cannot be read")),
        Err(error) => Err(error),
    }
}

/// A part that has not come home: its lines can be read, and its submission is not done.
async fn with_its_submission(ports: &Ports, batch: &Batch, part: &Part) -> Result<Option<&'static str>, StoreError> {
    if batch.state.kind().is_final() {
        return Ok(Some("it has ended, and a part has not come home"));
    }
    if manifest(ports, &part.sealed).await.map_or(0, |lines| lines.len() as u64) != part.sealed.size.requests {
        return Ok(Some("a part's manifest cannot be read"));
    }
    let row = ports.submissions.get(part.submission).await?;
    Ok(match row {
        None if part.state == PartState::Sealed => None,
        None => Some("a part's submission does not exist"),
        Some(row) if matches!(row.state, State::Abandoned | State::Done { .. }) => {
            Some("a part's submission is done, and the part has not come home")
        }
        Some(_) => None,
    })
}

/// Whether a file's content is there, as long as its row says. Its caller may have deleted it.
async fn can_be_read(ports: &Ports, id: NativeFileId) -> Result<bool, StoreError> {
    let Some(file) = ports.files.get(id).await? else { return Ok(true) };
    if !file.is_readable(ports.clock.now_ms()) {
        return Ok(true);
    }
    match ports.objects.stream(&file.object).await {
        Ok((length, _)) => Ok(length == file.bytes),
        Err(StoreError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}
