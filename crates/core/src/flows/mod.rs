//! Steps across ports: accept, pack, advance, collect, hand out, cancel, sweep, audit; callers' files, uploads and
//! batches; what runs nightly; and what operators ask: keys, status.
//!
//! Each can be cut anywhere and repeated. Stored state comes first, its effect second.

pub mod accept;
pub mod advance;
pub mod advance_all;
pub mod audit;
pub mod audit_batches;
pub mod batches;
pub mod cancel;
pub mod collect;
mod collect_download;
mod create;
pub mod files;
pub mod fleet;
pub mod hand_out;
mod join;
pub mod keys;
mod lines;
pub mod nightly;
pub mod notices;
pub mod pack;
mod pack_claim;
mod pack_filling;
mod pack_resolve;
mod pack_seal;
mod pack_source;
mod settle;
pub mod status;
pub mod sweep;
pub mod sweep_native;
pub mod uploads;
mod verdict;
pub mod work;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::ids::{JobId, ObjectName, SubmissionId};
use crate::ports::{ByteStream, ObjectWriter, Objects, Ports, StoreError};
use crate::submission::{Ending, Event, Sealed, State, Submission, manifest::Manifest};

/// Replaces the row by what it is after `event`; `None` if somebody was faster.
async fn take(ports: &Ports, submission: &Submission, event: Event) -> Result<Option<Submission>, StoreError> {
    hold(ports, submission, Some(event), 0).await
}

/// The same, or the row as it is without an event; and asks others to leave it alone until then, Unix milliseconds.
async fn hold(
    ports: &Ports,
    submission: &Submission,
    event: Option<Event>,
    busy_until_ms: u64,
) -> Result<Option<Submission>, StoreError> {
    let moves = event.is_some();
    let after = event.map_or_else(|| Ok(submission.clone()), |event| submission.after(event));
    let Ok(after) = after else { return Ok(None) };
    let after = Submission { busy_until_ms, ..after };
    if !ports.submissions.replace(&after).await? {
        return Ok(None);
    }
    if moves {
        tell(submission, &after);
    }
    Ok(Some(Submission { version: after.version + 1, ..after }))
}

/// Tells operators of a step: the one place where a submission's way shows in the log.
fn tell(before: &Submission, after: &Submission) {
    match &after.state {
        State::Open { .. } => {}
        State::Collecting { ending: Ending::Refused { refusal, .. }, downloads: 0, .. } => {
            warn(before, after, &format!("refused with {} {}", refusal.status, refusal.code));
        }
        State::Collecting { downloads, results: None, .. } if *downloads > 0 => {
            warn(before, after, &format!("after {downloads} downloads its results do not match its counts"));
        }
        State::Waiting { until_ms, .. } => warn(before, after, &format!("put off until {until_ms}")),
        State::Creating(creating) if creating.attempt > 1 || creating.absent_ms.is_some() => {
            warn(before, after, &format!("create {} was unclear", creating.attempt));
        }
        State::Submitted(placed) if placed.suspect => {
            info(before, after, &format!("placed as {}, which may have twins", placed.batch));
        }
        State::Submitted(placed) => info(before, after, &format!("placed as {}", placed.batch)),
        State::Abandoned
        | State::Sealed
        | State::Uploading
        | State::Creating(_)
        | State::Cancelling(..)
        | State::Collecting { .. }
        | State::Done { .. } => info(before, after, "moved"),
    }
}

fn warn(before: &Submission, after: &Submission, what: &str) {
    let (from, to) = (before.state.kind().name(), after.state.kind().name());
    tracing::warn!(submission = %before.id, from, to, "{what}");
}

fn info(before: &Submission, after: &Submission, what: &str) {
    let (from, to) = (before.state.kind().name(), after.state.kind().name());
    tracing::info!(submission = %before.id, from, to, "{what}");
}

/// The manifest of a sealed submission, by one read.
async fn manifest(ports: &Ports, sealed: &Sealed) -> Result<Manifest, StoreError> {
    manifest_of(ports.objects.as_ref(), sealed).await
}

/// The same, for who has no other port.
async fn manifest_of(objects: &dyn Objects, sealed: &Sealed) -> Result<Manifest, StoreError> {
    let bytes = whole(objects, &sealed.manifest).await?;
    if Manifest::sha256(&bytes) != sealed.manifest_sha256 {
        return Err(StoreError::Corrupt("a manifest does not match its submission".to_owned()));
    }
    Manifest::parse(&bytes).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// An object that fits in memory, by one read.
async fn whole(objects: &dyn Objects, name: &ObjectName) -> Result<Bytes, StoreError> {
    let (length, mut pieces) = objects.stream(name).await?;
    let mut bytes = BytesMut::with_capacity(usize::try_from(length).unwrap_or(0));
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes.freeze())
}

/// Writes everything that comes, and says how long it was. Durable when it returns.
async fn pour(mut pieces: ByteStream, mut writer: Box<dyn ObjectWriter>) -> Result<u64, StoreError> {
    while let Some(piece) = pieces.next().await {
        writer.write(piece?).await?;
    }
    writer.finish().await
}

/// A write of which nobody knows whether it took effect, for who cannot go on without knowing.
fn unclear() -> StoreError {
    StoreError::Unavailable("a write is unclear".to_owned())
}

/// A new submission's id.
fn submission_id(ports: &Ports) -> SubmissionId {
    SubmissionId(ascending(ports))
}

/// The bytes of a new id: ascending with time, unguessable.
fn ascending(ports: &Ports) -> [u8; 16] {
    let bits = ports.random.bits();
    let mut counter = [0_u8; 10];
    counter.copy_from_slice(&bits[..10]);
    *uuid::Builder::from_unix_timestamp_millis(ports.clock.now_ms(), &counter).as_uuid().as_bytes()
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

/// Manifests that are remembered at once.
const REMEMBERED: usize = 4;

/// The manifests read last: jobs that are met one after the other are mostly of few submissions, and neither a manifest
/// nor being sealed ever changes.
#[derive(Default)]
struct Manifests(VecDeque<(SubmissionId, Manifest)>);

impl Manifests {
    /// Whether a sealed submission whose manifest was read before lists the job at this attempt.
    fn known(&self, submission: SubmissionId, job: JobId, attempt: u32) -> Option<bool> {
        let (_, manifest) = self.0.iter().find(|(id, _)| *id == submission)?;
        Some(manifest.lists(job, attempt))
    }

    /// Reads the manifest of a sealed submission, and remembers it.
    async fn read(&mut self, ports: &Ports, submission: SubmissionId, sealed: &Sealed) -> Result<(), StoreError> {
        let manifest = manifest(ports, sealed).await?;
        self.0.truncate(REMEMBERED - 1);
        self.0.push_front((submission, manifest));
        Ok(())
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
        if let Some(listed) = manifests.known(submission, job, attempt) {
            return Ok(if listed { Holder::Listed } else { Holder::Nobody });
        }
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
                manifests.read(ports, submission, sealed).await?;
            }
        }
    }
}
