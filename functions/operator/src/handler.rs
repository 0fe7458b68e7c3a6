//! An operator's commands: the flows of the command line, answered in JSON.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::Context as _;
use offpeak_aws::Store;
use offpeak_core::flows::audit::{Report, audit};
use offpeak_core::flows::audit_batches::{BatchReport, audit_batches};
use offpeak_core::flows::{keys, pack, status};
use offpeak_core::ids::JobId;
use offpeak_core::ports::{Ports, StoreError};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What is asked.
#[derive(Deserialize)]
#[serde(tag = "command")]
pub enum Command {
    /// Make a key.
    #[serde(rename = "keys create")]
    CreateKey {
        /// Whose key it will be.
        tenant: String,
    },
    /// Show every key.
    #[serde(rename = "keys list")]
    ListKeys,
    /// End a key.
    #[serde(rename = "keys revoke")]
    RevokeKey {
        /// Its id, its beginning, or the key.
        key: String,
    },
    /// Count jobs and submissions by state.
    #[serde(rename = "status")]
    Status,
    /// Prove that nothing was lost.
    #[serde(rename = "audit")]
    Audit,
}

/// Without its particulars: one may be a key.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").finish_non_exhaustive()
    }
}

/// Does what is asked. The answer to `keys create` is the one place where a key is shown.
///
/// # Errors
/// The command cannot be obeyed, or a store failed.
pub async fn handle(ports: &Ports, store: &Store, command: Command) -> anyhow::Result<Value> {
    match command {
        Command::CreateKey { tenant } => {
            let (clock, random) = (ports.clock.as_ref(), ports.random.as_ref());
            let made = keys::create(store.keys().as_ref(), clock, random, &tenant).await.context("making a key")?;
            Ok(json!({ "key": made.key.expose_secret(), "about": made.view }))
        }
        Command::ListKeys => {
            let keys = keys::list(store.keys().as_ref()).await.context("reading the keys")?;
            Ok(json!({ "keys": keys }))
        }
        Command::RevokeKey { key } => {
            let revoked = keys::revoke(store.keys().as_ref(), ports.clock.as_ref(), &key).await;
            Ok(json!({ "revoked": revoked.context("revoking a key")? }))
        }
        Command::Status => {
            let counted = status::status(store.jobs().as_ref(), store.submissions().as_ref()).await;
            let counted = counted.context("counting")?;
            let jobs: Map<String, Value> = counts(counted.jobs.into_iter().map(|(kind, n)| (kind.name(), n)));
            let submissions = counts(counted.submissions.into_iter().map(|(kind, n)| (kind.name(), n)));
            Ok(json!({ "jobs": jobs, "submissions": submissions }))
        }
        Command::Audit => Ok(told(&examine(ports, store).await?)),
    }
}

/// What an audit found.
struct Reports {
    jobs: Report,
    batches: BatchReport,
}

impl Reports {
    /// Leaves out the violations that another look did not find.
    fn retain(&mut self, other: &Self) {
        self.jobs.violations.retain(|violation| other.jobs.violations.contains(violation));
        self.batches.violations.retain(|violation| other.batches.violations.contains(violation));
    }
}

fn told(Reports { jobs, batches }: &Reports) -> Value {
    let of_jobs =
        jobs.violations.iter().map(|violation| json!({ "job": violation.job.text(), "what": violation.what }));
    let of_batches =
        batches.violations.iter().map(|violation| json!({ "batch": violation.batch.text(), "what": violation.what }));
    json!({
        "jobs": jobs.jobs,
        "unpromised": jobs.unpromised,
        "batches": batches.batches,
        "lines": batches.lines,
        "violations": of_jobs.chain(of_batches).collect::<Vec<_>>(),
    })
}

fn counts(counted: impl Iterator<Item = (&'static str, u64)>) -> Map<String, Value> {
    counted.map(|(name, count)| (name.to_owned(), Value::from(count))).collect()
}

/// What moves while everything is read can look like a violation: only what does so twice is one.
async fn examine(ports: &Ports, store: &Store) -> anyhow::Result<Reports> {
    let first = examine_once(ports, store).await?;
    if first.jobs.violations.is_empty() && first.batches.violations.is_empty() {
        return Ok(first);
    }
    let mut second = examine_once(ports, store).await?;
    second.retain(&first);
    Ok(second)
}

async fn examine_once(ports: &Ports, store: &Store) -> anyhow::Result<Reports> {
    let mut messages: BTreeSet<JobId> = BTreeSet::new();
    for class in ports.settings.classes.keys() {
        messages.extend(waiting(ports, store, class).await.with_context(|| format!("looking into {class}"))?);
    }
    let jobs = audit(ports, store.jobs().as_ref(), &messages).await.context("reading every job")?;
    let batches = audit_batches(ports, store.batches().as_ref()).await.context("reading every batch")?;
    Ok(Reports { jobs, batches })
}

/// The jobs of a class that have a message. A drain that departed meanwhile may have found nothing of what this look
/// had hidden: the class is due again.
async fn waiting(ports: &Ports, store: &Store, class: &str) -> Result<BTreeSet<JobId>, StoreError> {
    let before = ports.classes.get(class).await?;
    let jobs = store.intake().waiting(class).await;
    if ports.classes.get(class).await?.departed_ms != before.departed_ms {
        pack::recall(ports, class).await?;
    }
    jobs
}
