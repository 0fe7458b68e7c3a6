//! `offpeak status`: how many jobs and submissions are in each state.

use std::process::ExitCode;

use anyhow::Context as _;
use offpeak_core::job;
use offpeak_core::ports::{JobSweep, SubmissionSweep};
use offpeak_core::submission::StateKind;
use offpeak_embedded::Store;
use serde_json::{Map, Value, json};

use super::block_on;
use crate::cli::Status;
use crate::output;

/// Rows read at a time.
const ROWS: usize = 1_000;

/// The states of submissions in the order of their life.
const SUBMISSION_STATES: [StateKind; 10] = [
    StateKind::Open,
    StateKind::Abandoned,
    StateKind::Sealed,
    StateKind::Uploading,
    StateKind::Waiting,
    StateKind::Creating,
    StateKind::Submitted,
    StateKind::Cancelling,
    StateKind::Collecting,
    StateKind::Done,
];

/// Counts by the name of the state, in the order of their life.
type Counts = Vec<(&'static str, u64)>;

/// Prints the counts as a table or as JSON.
///
/// # Errors
/// The data directory cannot be read, or standard output is closed.
pub(crate) fn run(status: &Status) -> anyhow::Result<ExitCode> {
    let store = Store::open_shared(&status.dir.path)?;
    let (jobs, submissions) = block_on(async {
        let jobs = count_jobs(store.jobs().as_ref()).await.context("could not count the jobs")?;
        let submissions = count_submissions(store.submissions().as_ref()).await;
        Ok((jobs, submissions.context("could not count the submissions")?))
    })?;
    if status.json {
        output::line(json!({ "jobs": object(&jobs), "submissions": object(&submissions) }))?;
    } else {
        output::line(format_args!("jobs\n{}\nsubmissions\n{}", table(&jobs), table(&submissions)))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn count_jobs(jobs: &dyn JobSweep) -> anyhow::Result<Counts> {
    let counted = jobs.counts().await?;
    let of = |kind| counted.iter().filter(|(other, _)| *other == kind).map(|(_, n)| *n).sum();
    Ok(job::StateKind::ALL.into_iter().map(|kind| (kind.name(), of(kind))).collect())
}

async fn count_submissions(submissions: &dyn SubmissionSweep) -> anyhow::Result<Counts> {
    let mut counts: Counts = SUBMISSION_STATES.into_iter().map(|kind| (kind.name(), 0)).collect();
    let mut after = None;
    loop {
        let rows = submissions.scan(after, ROWS).await?;
        let Some(last) = rows.last() else { return Ok(counts) };
        after = Some(last.id);
        for row in rows {
            let name = row.state.kind().name();
            for (_, count) in counts.iter_mut().filter(|(other, _)| *other == name) {
                *count += 1;
            }
        }
    }
}

fn object(counts: &Counts) -> Map<String, Value> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), Value::from(*count))).collect()
}

fn table(counts: &Counts) -> String {
    counts.iter().fold(String::new(), |table, (name, count)| table + &format!("  {name:<11}{count:>12}\n"))
}
