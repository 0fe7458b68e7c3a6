//! Status: how many jobs and submissions are in each state.

use crate::job::StateKind as JobState;
use crate::ports::{JobWalk, StoreError, SubmissionWalk};
use crate::submission::StateKind as SubmissionState;

/// Rows read at a time.
const ROWS: usize = 1_000;

/// Counts by state: every state once, in the order of its kind's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Of jobs.
    pub jobs: Vec<(JobState, u64)>,
    /// Of submissions.
    pub submissions: Vec<(SubmissionState, u64)>,
}

/// Counts everything. What moves meanwhile may count twice or not at all.
///
/// # Errors
/// [`StoreError`].
pub async fn status(jobs: &dyn JobWalk, submissions: &dyn SubmissionWalk) -> Result<Status, StoreError> {
    let counted = jobs.counts().await?;
    let of = |kind| counted.iter().filter(|(other, _)| *other == kind).map(|(_, count)| *count).sum();
    let jobs = JobState::ALL.into_iter().map(|kind| (kind, of(kind))).collect();
    Ok(Status { jobs, submissions: count(submissions).await? })
}

async fn count(submissions: &dyn SubmissionWalk) -> Result<Vec<(SubmissionState, u64)>, StoreError> {
    let mut counts = SubmissionState::ALL.map(|kind| (kind, 0));
    let mut after = None;
    loop {
        let rows = submissions.scan(after, ROWS).await?;
        let Some(last) = rows.last() else { return Ok(counts.to_vec()) };
        after = Some(last.id);
        for row in rows {
            let kind = row.state.kind();
            for (_, count) in counts.iter_mut().filter(|(other, _)| *other == kind) {
                *count += 1;
            }
        }
    }
}
