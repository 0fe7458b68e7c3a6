//! Steps across ports: accept, pack, advance, collect, hand out, cancel, sweep, audit.
//!
//! Each can be cut anywhere and repeated. Stored state comes first, its effect second.

pub mod accept;
pub mod advance;
pub mod audit;
pub mod cancel;
pub mod collect;
mod collect_download;
mod create;
pub mod hand_out;
mod join;
mod lines;
pub mod pack;
mod pack_filling;
mod pack_resolve;
mod settle;
pub mod sweep;
mod verdict;

use crate::ids::{JobId, SubmissionId};
use crate::ports::{Ports, StoreError};
use crate::submission::{Ending, Event, Sealed, State, Submission, manifest::Manifest};

/// Replaces the row by what it is after `event`; `None` if somebody was faster.
async fn take(ports: &Ports, submission: &Submission, event: Event) -> Result<Option<Submission>, StoreError> {
    let Ok(after) = submission.after(event) else { return Ok(None) };
    if ports.submissions.replace(&after).await? {
        tell(submission, &after);
        Ok(Some(Submission { version: after.version + 1, ..after }))
    } else {
        Ok(None)
    }
}

/// Tells operators of a step: the one place where a submission's way shows in the log.
fn tell(before: &Submission, after: &Submission) {
    let (id, from, to) = (before.id, before.state.kind().name(), after.state.kind().name());
    match &after.state {
        State::Open { .. } => {}
        State::Collecting { ending: Ending::Refused { refusal, .. }, downloads: 0, .. } => {
            tracing::warn!(submission = %id, from, to, status = refusal.status, code = refusal.code, "refused");
        }
        State::Collecting { downloads, results: None, .. } if *downloads > 0 => {
            tracing::warn!(submission = %id, from, to, downloads, "its results do not match its counts yet");
        }
        State::Waiting { until_ms, .. } => tracing::warn!(submission = %id, from, to, until_ms, "put off"),
        State::Creating(creating) if creating.attempt > 1 || creating.absent_ms.is_some() => {
            tracing::warn!(submission = %id, from, to, attempt = creating.attempt, "a create was unclear");
        }
        State::Submitted(placed) => {
            tracing::info!(submission = %id, from, to, batch = %placed.batch, suspect = placed.suspect, "placed");
        }
        State::Abandoned
        | State::Sealed
        | State::Uploading
        | State::Creating(_)
        | State::Cancelling(..)
        | State::Collecting { .. }
        | State::Done { .. } => tracing::info!(submission = %id, from, to, "moved"),
    }
}

/// The manifest of a sealed submission.
async fn manifest(ports: &Ports, sealed: &Sealed) -> Result<Manifest, StoreError> {
    let (length, _) = ports.objects.stream(&sealed.manifest).await?;
    let bytes = ports.objects.read(&sealed.manifest, 0, length).await?;
    if Manifest::sha256(&bytes) != sealed.manifest_sha256 {
        return Err(StoreError::Corrupt("a manifest does not match its submission".to_owned()));
    }
    Manifest::parse(&bytes).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// A new submission's id: ascending with time, unguessable.
fn submission_id(ports: &Ports) -> SubmissionId {
    let bits = ports.random.bits();
    let mut counter = [0_u8; 10];
    counter.copy_from_slice(&bits[..10]);
    SubmissionId(*uuid::Builder::from_unix_timestamp_millis(ports.clock.now_ms(), &counter).as_uuid().as_bytes())
}

/// What a job's packed state means to whoever meets it.
enum Holder {
    /// Nobody will run it: it may be claimed, cancelled or expired at once.
    Nobody,
    /// A packer is filling that submission.
    Filling,
    /// A sealed submission lists it at this attempt.
    Listed,
}

/// The manifest read last: jobs that are met one after the other are mostly of one submission, and a manifest never
/// changes.
#[derive(Default)]
struct Manifests(Option<(SubmissionId, Manifest)>);

impl Manifests {
    /// Whether the sealed submission lists the job at this attempt.
    async fn list(
        &mut self,
        ports: &Ports,
        submission: SubmissionId,
        sealed: &Sealed,
        job: JobId,
        attempt: u32,
    ) -> Result<bool, StoreError> {
        if self.0.as_ref().is_none_or(|(id, _)| *id != submission) {
            self.0 = Some((submission, manifest(ports, sealed).await?));
        }
        Ok(self.0.as_ref().is_some_and(|(_, manifest)| manifest.lists(job, attempt)))
    }
}

/// Finds out who holds a packed job; a dead open submission is abandoned on the way (DESIGN rule 2).
async fn holder(
    ports: &Ports,
    manifests: &mut Manifests,
    submission: SubmissionId,
    job: JobId,
    attempt: u32,
) -> Result<Holder, StoreError> {
    use crate::faults::{Fault, planted};
    loop {
        let Some(row) = ports.submissions.get(submission).await? else { return Ok(Holder::Nobody) };
        match &row.state {
            State::Abandoned => return Ok(Holder::Nobody),
            State::Open { lease_until_ms, .. } if ports.clock.now_ms() <= *lease_until_ms => {
                return Ok(Holder::Filling);
            }
            State::Open { .. } => {
                if planted(Fault::ReclaimWithoutAbandoning) || take(ports, &row, Event::Abandon).await?.is_some() {
                    return Ok(Holder::Nobody);
                }
            }
            State::Sealed
            | State::Uploading
            | State::Waiting { .. }
            | State::Creating(_)
            | State::Submitted(_)
            | State::Cancelling(..)
            | State::Collecting { .. }
            | State::Done { .. } => {
                let Some(sealed) = &row.sealed else { return Ok(Holder::Nobody) };
                let listed = manifests.list(ports, submission, sealed, job, attempt).await?;
                return Ok(if listed { Holder::Listed } else { Holder::Nobody });
            }
        }
    }
}
