//! `offpeak status`: how many jobs and submissions are in each state.

use std::process::ExitCode;

use anyhow::Context as _;
use offpeak_core::flows::status::status;
use offpeak_embedded::Store;
use serde_json::{Map, Value, json};

use super::block_on;
use crate::cli::Status;
use crate::output;

/// Counts by the name of the state, in the order of their life.
type Counts = Vec<(&'static str, u64)>;

/// Prints the counts as a table or as JSON.
///
/// # Errors
/// The data directory cannot be read, or standard output is closed.
pub(crate) fn run(options: &Status) -> anyhow::Result<ExitCode> {
    let store = Store::open_shared(&options.dir.path)?;
    let (jobs, submissions) = (store.jobs(), store.submissions());
    let counted =
        block_on(async { status(jobs.as_ref(), submissions.as_ref()).await.context("could not count the rows") })?;
    let jobs: Counts = counted.jobs.into_iter().map(|(kind, count)| (kind.name(), count)).collect();
    let submissions: Counts = counted.submissions.into_iter().map(|(kind, count)| (kind.name(), count)).collect();
    if options.json {
        output::line(json!({ "jobs": object(&jobs), "submissions": object(&submissions) }))?;
    } else {
        output::line(format_args!("jobs\n{}\nsubmissions\n{}", table(&jobs), table(&submissions)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn object(counts: &Counts) -> Map<String, Value> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), Value::from(*count))).collect()
}

fn table(counts: &Counts) -> String {
    counts.iter().fold(String::new(), |table, (name, count)| table + &format!("  {name:<11}{count:>12}\n"))
}
