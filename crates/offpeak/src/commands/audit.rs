//! `offpeak audit`: promise 2, of jobs and of batches' lines, proven from the stores, beside a running server or without one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use offpeak_core::flows::audit::{Report, audit};
use offpeak_core::flows::audit_batches::{BatchReport, audit_batches};
use offpeak_core::health::Health;
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
    let Reports { jobs, batches } = block_on(examine(&store))?;
    for violation in &jobs.violations {
        output::line(format_args!("{}: {}", violation.job, violation.what))?;
    }
    for violation in &batches.violations {
        output::line(format_args!("{}: {}", violation.batch, violation.what))?;
    }
    let (of_jobs, of_batches) = (jobs.violations.len(), batches.violations.len());
    output::line(format_args!("jobs {}, unpromised {}, violations {of_jobs}", jobs.jobs, jobs.unpromised))?;
    output::line(format_args!("batches {}, lines {}, violations {of_batches}", batches.batches, batches.lines))?;
    Ok(if of_jobs + of_batches == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was found.
struct Reports {
    jobs: Report,
    batches: BatchReport,
}

/// A running server may delete what was kept long enough while its row is looked at, so what looks like a violation is
/// looked at once more.
async fn examine(store: &Store) -> anyhow::Result<Reports> {
    let first = examine_once(store).await?;
    if first.jobs.violations.is_empty() && first.batches.violations.is_empty() {
        return Ok(first);
    }
    let mut second = examine_once(store).await?;
    second.jobs.violations.retain(|violation| first.jobs.violations.contains(violation));
    second.batches.violations.retain(|violation| first.batches.violations.contains(violation));
    Ok(second)
}

async fn examine_once(store: &Store) -> anyhow::Result<Reports> {
    let snapshot = store.snapshot().context("could not take a snapshot")?;
    let messages = messages(&snapshot).await?;
    let ports = ports(store, &snapshot);
    let jobs = audit(&ports, &snapshot, &messages).await.context("could not read every job")?;
    let batches = audit_batches(&ports, &snapshot).await.context("could not read every batch")?;
    Ok(Reports { jobs, batches })
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

/// Rows and messages of the snapshot; the rest, of which an audit uses only files and objects, as it is now.
fn ports(store: &Store, snapshot: &Snapshot) -> Ports {
    let snapshot = Arc::new(snapshot.clone());
    Ports {
        jobs: Arc::<Snapshot>::clone(&snapshot),
        submissions: Arc::<Snapshot>::clone(&snapshot),
        files: store.files(),
        uploads: store.uploads(),
        batches: store.batches(),
        receivers: store.receivers(),
        notices: store.notices(),
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
        health: Health::default(),
    }
}
