//! `offpeak audit`: promise 2, proven from the stores, beside a running server or without one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use offpeak_core::flows::audit::{Report, audit};
use offpeak_core::ids::JobId;
use offpeak_core::ports::{Ports, Settings};
use offpeak_embedded::{Snapshot, Store, SystemClock, SystemRandom};

use super::block_on;
use crate::output;

/// Messages read at a time.
const MESSAGES: usize = 10_000;

/// Prints each violation and the counts; succeeds only if there is none.
///
/// # Errors
/// The data directory cannot be read, or standard output is closed.
pub(crate) fn run(dir: &Path) -> anyhow::Result<ExitCode> {
    let store = Store::open_shared(dir)?;
    let report = block_on(examine(&store))?;
    for violation in &report.violations {
        output::line(format_args!("{}: {}", violation.job, violation.what))?;
    }
    let (jobs, violations) = (report.jobs, report.violations.len());
    output::line(format_args!("jobs {jobs}, unpromised {}, violations {violations}", report.unpromised))?;
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A running server may delete what was kept long enough while its row is looked at, so what looks like a violation is
/// looked at once more.
async fn examine(store: &Store) -> anyhow::Result<Report> {
    let first = examine_once(store).await?;
    if first.violations.is_empty() {
        return Ok(first);
    }
    let mut second = examine_once(store).await?;
    second.violations.retain(|violation| first.violations.contains(violation));
    Ok(second)
}

async fn examine_once(store: &Store) -> anyhow::Result<Report> {
    let snapshot = store.snapshot().context("could not take a snapshot")?;
    let messages = messages(&snapshot).await?;
    let report = audit(&ports(store, &snapshot), &snapshot, &messages).await;
    report.context("could not read everything")
}

async fn messages(snapshot: &Snapshot) -> anyhow::Result<BTreeSet<JobId>> {
    let mut jobs = BTreeSet::new();
    let mut after = None;
    loop {
        let page = snapshot.messages(after, MESSAGES).await.context("could not read the queues")?;
        let Some(last) = page.last() else { return Ok(jobs) };
        after = Some(last.place);
        jobs.extend(page.iter().map(|waiting| waiting.job));
    }
}

/// Rows and messages of the snapshot; the rest, of which an audit uses only the objects, as it is now.
fn ports(store: &Store, snapshot: &Snapshot) -> Ports {
    let snapshot = Arc::new(snapshot.clone());
    Ports {
        jobs: Arc::<Snapshot>::clone(&snapshot),
        submissions: Arc::<Snapshot>::clone(&snapshot),
        files: store.files(),
        uploads: store.uploads(),
        batches: store.batches(),
        classes: store.classes(),
        intake: Arc::<Snapshot>::clone(&snapshot),
        objects: store.objects(),
        mailbox: store.mailbox(),
        backends: BTreeMap::new(),
        credentials: store.credentials(),
        usage: snapshot,
        wake: Arc::new(()),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        settings: Arc::new(Settings::default()),
    }
}
