//! Audit: promise 2, checked from the stores.
//!
//! Each row is final with a readable range, or open with a message, a live lease or a manifest entry.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest;
use crate::ids::{JobId, ObjectName, SubmissionId};
use crate::job::{Job, State};
use crate::ports::{JobWalk, Objects, Ports, StoreError};
use crate::submission::State as SubmissionState;
use crate::submission::manifest::Manifest;

/// Rows read at a time.
const ROWS: usize = 1_000;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Rows looked at.
    pub jobs: u64,
    /// Queued rows without a message whose caller was never told: created, and cut off before sending. They run when
    /// their caller retries, and expire otherwise.
    pub unpromised: u64,
    /// Rows that break promise 2.
    pub violations: Vec<Violation>,
}

/// A row that breaks promise 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The job.
    pub job: JobId,
    /// What is wrong.
    pub what: &'static str,
}

/// Checks every row. `messages` are the jobs that have a message in their queue. All reads should come from one
/// snapshot, or nothing else should be running.
///
/// # Errors
/// [`StoreError`].
pub async fn audit(ports: &Ports, walk: &dyn JobWalk, messages: &BTreeSet<JobId>) -> Result<Report, StoreError> {
    let mut audit = Audit { ports, messages, lengths: BTreeMap::new(), manifests: BTreeMap::new() };
    let mut report = Report::default();
    let mut after = None;
    loop {
        let rows = walk.scan(after, ROWS).await?;
        let Some(last) = rows.last() else { return Ok(report) };
        after = Some(last.id);
        for job in rows {
            report.jobs += 1;
            match audit.check(&job).await? {
                None => {}
                Some(UNSENT) if job.attempt == 0 && job.joins.resends == 0 => report.unpromised += 1,
                Some(what) => report.violations.push(Violation { job: job.id, what }),
            }
        }
    }
}

const UNSENT: &str = "queued without a message";

struct Audit<'a> {
    ports: &'a Ports,
    messages: &'a BTreeSet<JobId>,
    lengths: BTreeMap<ObjectName, Option<u64>>,
    manifests: BTreeMap<SubmissionId, Option<Manifest>>,
}

impl Audit<'_> {
    async fn check(&mut self, job: &Job) -> Result<Option<&'static str>, StoreError> {
        Ok(match &job.state {
            State::Failed(_) | State::Cancelled | State::Expired => None,
            State::Queued => (!self.messages.contains(&job.id)).then_some(UNSENT),
            State::Done(answer) => {
                let length = length(self.ports.objects.as_ref(), &answer.object, &mut self.lengths).await?;
                let readable = length.is_some_and(|length| answer.offset + answer.length <= length);
                (!readable).then_some("done, but its answer cannot be read")
            }
            State::Packed { submission } => self.check_packed(job, *submission).await?,
        })
    }

    async fn check_packed(&mut self, job: &Job, id: SubmissionId) -> Result<Option<&'static str>, StoreError> {
        if self.messages.contains(&job.id) {
            return Ok(None);
        }
        let Some(row) = self.ports.submissions.get(id).await? else {
            return Ok(Some("packed by a submission that does not exist, without a message"));
        };
        if let SubmissionState::Open { lease_until_ms, .. } = row.state
            && self.ports.clock.now_ms() <= lease_until_ms
        {
            return Ok(None);
        }
        let Some(sealed) = &row.sealed else {
            return Ok(Some("packed by a submission that was never sealed, without a message"));
        };
        if matches!(row.state, SubmissionState::Done { .. }) {
            return Ok(Some("packed by a submission that is done"));
        }
        if !self.manifests.contains_key(&id) {
            let manifest = manifest(self.ports, sealed).await.ok();
            self.manifests.insert(id, manifest);
        }
        Ok(match self.manifests.get(&id) {
            Some(Some(manifest)) if manifest.lists(job.id, job.attempt) => None,
            Some(Some(_)) => Some("packed by a submission that does not list it, without a message"),
            Some(None) | None => Some("packed by a submission whose manifest cannot be read"),
        })
    }
}

async fn length(
    objects: &dyn Objects,
    name: &ObjectName,
    known: &mut BTreeMap<ObjectName, Option<u64>>,
) -> Result<Option<u64>, StoreError> {
    if let Some(length) = known.get(name) {
        return Ok(*length);
    }
    let length = match objects.stream(name).await {
        Ok((length, _)) => Some(length),
        Err(StoreError::NotFound) => None,
        Err(error) => return Err(error),
    };
    known.insert(name.clone(), length);
    Ok(length)
}
