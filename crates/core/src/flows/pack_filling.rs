//! One open submission while a drain fills it: rows claimed, lines written, then sealed.

use std::collections::BTreeMap;

use bytes::BytesMut;

use super::pack_resolve::Candidate;
use super::{submission_id, take};
use crate::ids::{JobId, ObjectName, RequestId, SubmissionId, TenantId};
use crate::lane::Lane;
use crate::ports::{ObjectWriter, Ports, Receipt, StoreError};
use crate::submission::manifest::{Entry, Manifest};
use crate::submission::{Event, Origin, Sealed, Size, State, Submission, line};

/// Bytes collected before they are written.
const BUFFER: usize = 256 * 1024;

/// An open submission and its object so far.
pub(super) struct Filling {
    pub(super) submission: Submission,
    pub(super) size: Size,
    pub(super) receipts: Vec<Receipt>,
    object: ObjectName,
    writer: Box<dyn ObjectWriter>,
    buffer: BytesMut,
    entries: Vec<Entry>,
    tenants: BTreeMap<TenantId, u32>,
    offset: u64,
    deadline_ms: u64,
    /// When the first of its jobs is to be taken to a later target.
    turn_ms: Option<u64>,
    /// A write failed: the object is of no more use.
    broken: bool,
}

impl Filling {
    /// Opens a submission under a lease.
    pub(super) async fn open(ports: &Ports, lane: &Lane, owner: RequestId) -> Result<Self, StoreError> {
        let now_ms = ports.clock.now_ms();
        let id = submission_id(ports);
        let submission = Submission {
            id,
            version: 1,
            lane: lane.clone(),
            state: State::Open { owner, lease_until_ms: now_ms + ports.settings.timing.lease_ms },
            created_ms: now_ms,
            sealed: None,
            busy_until_ms: 0,
            origin: Origin::Jobs,
        };
        ports.submissions.create(&submission).await?;
        let object = ObjectName(format!("sealed/{id}.jsonl"));
        let writer = ports.objects.create(&object).await?;
        Ok(Self {
            submission,
            size: Size::default(),
            receipts: Vec::new(),
            object,
            writer,
            buffer: BytesMut::new(),
            entries: Vec::new(),
            tenants: BTreeMap::new(),
            offset: 0,
            deadline_ms: 0,
            turn_ms: None,
            broken: false,
        })
    }

    /// Renews the lease if half of it is over; `false` if the submission is lost.
    pub(super) async fn renew(&mut self, ports: &Ports, now_ms: u64) -> Result<bool, StoreError> {
        let lease_ms = ports.settings.timing.lease_ms;
        let State::Open { lease_until_ms, .. } = self.submission.state else { return Ok(false) };
        if now_ms + lease_ms / 2 < lease_until_ms {
            return Ok(true);
        }
        match take(ports, &self.submission, Event::Renew { lease_until_ms: now_ms + lease_ms }).await? {
            Some(renewed) => {
                self.submission = renewed;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Whether it has the job's line already.
    pub(super) fn lists(&self, job: JobId) -> bool {
        self.entries.iter().any(|entry| entry.job == job)
    }

    /// Writes the line of a job that was claimed for this submission.
    pub(super) async fn add(&mut self, candidate: Candidate) -> Result<(), StoreError> {
        let message = candidate.received.message;
        let before = self.buffer.len();
        let body = line::write(&mut self.buffer, message.job, message.lane.endpoint, &candidate.body);
        let tenants = u32::try_from(self.tenants.len()).unwrap_or(u32::MAX);
        let tenant = *self.tenants.entry(message.tenant).or_insert(tenants);
        self.entries.push(Entry {
            job: message.job,
            attempt: candidate.when.attempt,
            offset: self.offset + body as u64,
            length: u32::try_from(candidate.body.len()).unwrap_or(u32::MAX),
            tenant,
        });
        self.offset += (self.buffer.len() - before) as u64;
        self.size = self.size.plus(message.size);
        self.deadline_ms = self.deadline_ms.max(message.deadline_ms);
        let turn_ms = self.submission.lane.turn_ms(message.deadline_ms);
        self.turn_ms = self.turn_ms.into_iter().chain(turn_ms).min();
        self.receipts.push(candidate.received.receipt);
        if self.buffer.len() >= BUFFER {
            let written = self.writer.write(self.buffer.split().freeze()).await;
            self.broken |= written.is_err();
            written?;
        }
        Ok(())
    }

    /// Makes object and manifest durable, then seals: the point of no return. `None` if the submission was lost, or
    /// held nothing and was abandoned.
    pub(super) async fn seal(mut self, ports: &Ports) -> Result<Option<SubmissionId>, StoreError> {
        if self.entries.is_empty() || self.broken {
            take(ports, &self.submission, Event::Abandon).await?;
            return Ok(None);
        }
        if !self.buffer.is_empty() {
            self.writer.write(self.buffer.split().freeze()).await?;
        }
        self.writer.finish().await?;
        let mut tenants: Vec<(TenantId, u32)> = self.tenants.into_iter().collect();
        tenants.sort_by_key(|(_, index)| *index);
        let tenants = tenants.into_iter().map(|(tenant, _)| tenant).collect();
        let manifest = Manifest::of(self.entries, tenants).bytes();
        let name = ObjectName(format!("manifests/{}", self.submission.id));
        let manifest_sha256 = Manifest::sha256(&manifest);
        let mut writer = ports.objects.create(&name).await?;
        writer.write(manifest).await?;
        writer.finish().await?;
        let sealed = Sealed {
            object: self.object,
            manifest: name,
            manifest_sha256,
            size: self.size,
            deadline_ms: self.deadline_ms,
            turn_ms: self.turn_ms,
        };
        seal_row(ports, &self.submission, sealed).await
    }
}

/// The conditional write of sealing; an unclear one is read again.
async fn seal_row(ports: &Ports, submission: &Submission, sealed: Sealed) -> Result<Option<SubmissionId>, StoreError> {
    let id = submission.id;
    let Ok(after) = submission.after(Event::Seal(sealed.clone())) else { return Ok(None) };
    let done = match ports.submissions.replace(&after).await {
        Ok(done) => done,
        Err(_) => match ports.submissions.get(id).await? {
            Some(row) if row.sealed.as_ref() == Some(&sealed) => true,
            Some(row) if row.version == submission.version => ports.submissions.replace(&after).await?,
            Some(_) | None => false,
        },
    };
    Ok(done.then_some(id))
}
