//! What callers put in, sealed: lines whose answers tell whose they are.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::fleet;
use offpeak_core::ids::{CredentialId, JobId, NativeBatchId, ObjectName, SubmissionId, TenantId};
use offpeak_core::lane::{Lane, Terms};
use offpeak_core::ports::{Clock, Objects};
use offpeak_core::submission::manifest::{Entry, Manifest};
use offpeak_core::submission::{Origin, Sealed, Size, State, Submission, line};

use super::plan::{Kind, LinePlan, SubmissionPlan};
use crate::fakes::Fakes;

/// How prompts begin: the longest that lines share with others.
const PREFIXES: [usize; 3] = [0, 200, 1_100];

/// The backend of live calls.
pub(super) fn live() -> String {
    fleet::live("provider")
}

/// The submission of a line, by its number.
pub(super) fn number(line: JobId) -> usize {
    usize::from(line.0[0]).saturating_sub(1)
}

/// The nth submission.
pub(super) fn id(number: usize) -> SubmissionId {
    SubmissionId([u8::try_from(number).unwrap_or(0) + 1; 16])
}

/// A line of it. It is its own question.
pub(super) fn line_id(number: usize, line: usize) -> JobId {
    let mut id = [0; 16];
    id[0] = u8::try_from(number).unwrap_or(0) + 1;
    id[8..].copy_from_slice(&(line as u64).to_be_bytes());
    JobId(id)
}

fn body(id: JobId, model: &str, line: LinePlan) -> String {
    let prompt = "p".repeat(PREFIXES[line.prefix]);
    let kind = match line.kind {
        Kind::Plain => "plain",
        Kind::Refused => "refused",
        Kind::Deadly => "deadly",
    };
    format!(r#"{{"model":"{model}","messages":["{prompt}"],"q":"{id}","kind":"{kind}","max_tokens":40}}"#)
}

/// Seals the nth submission: its objects, and the row as it is then.
pub(super) async fn seal(fakes: &Fakes, number: usize, plan: &SubmissionPlan) -> Submission {
    let (mut lines, mut entries) = (BytesMut::new(), Vec::new());
    for (index, one) in plan.lines.iter().enumerate() {
        let (job, start) = (line_id(number, index), lines.len());
        let body = body(job, plan.model, *one);
        let offset = start + line::write(&mut lines, job, Endpoint::ChatCompletions, body.as_bytes());
        let length = u32::try_from(body.len()).unwrap_or(0);
        entries.push(Entry { job, attempt: 0, offset: offset as u64, length, tenant: one.tenant });
    }
    let tenants = (0..=plan.lines.iter().map(|line| line.tenant).max().unwrap_or(0)).map(|n| TenantId(format!("t{n}")));
    let manifest = Manifest::of(entries, tenants.collect()).bytes();
    let provider = if plan.live { live() } else { fleet::NAME.to_owned() };
    let (id, requests, bytes) = (id(number), plan.lines.len() as u64, lines.len() as u64);
    let sealed = Sealed {
        object: ObjectName(format!("sealed/{id}.jsonl")),
        manifest: ObjectName(format!("sealed/{id}.manifest")),
        manifest_sha256: Manifest::sha256(&manifest),
        size: Size { requests, bytes, tokens: 1, inputs: 0 },
        deadline_ms: fakes.clock.now_ms() + 1_000_000_000,
        turn_ms: None,
    };
    store(&fakes.objects, &sealed.object, lines.freeze()).await;
    store(&fakes.objects, &sealed.manifest, manifest).await;
    Submission {
        id,
        version: 1,
        lane: Lane {
            credential: CredentialId::own(&provider),
            provider,
            endpoint: Endpoint::ChatCompletions,
            model: plan.model.to_owned(),
            class: "soon".to_owned(),
            terms: Terms::default(),
        },
        state: State::Sealed,
        created_ms: fakes.clock.now_ms(),
        sealed: Some(sealed),
        busy_until_ms: 0,
        // A part of a batch that has no row: its results are chosen, and nobody settles them.
        origin: Origin::Batch { batch: NativeBatchId([9; 16]), withdrawn: false },
    }
}

async fn store(objects: &crate::fakes::Objects, name: &ObjectName, bytes: Bytes) {
    let objects: Arc<dyn Objects> = Arc::new(objects.clone());
    // The store in memory refuses nothing.
    if let Ok(mut writer) = objects.create(name).await {
        let _ = writer.write(bytes).await;
        let _ = writer.finish().await;
    }
}
