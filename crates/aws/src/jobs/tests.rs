//! What rows are as items, and how little each call sends.

mod calls;
mod items;

use offpeak_core::ids::{CredentialId, ObjectName, SubmissionId, TenantId};
use offpeak_core::job::identity::body_sha256;
use offpeak_core::job::{Answer, BodyAt, Event, Job, Joins, Request, Usage};
use offpeak_testkit::samples::{Namespace, after};

/// 100 years: the samples are of the past, and must not have gone.
const RETENTION_MS: u64 = 100 * 365 * 86_400_000;

/// Jobs in every state, plain and with a value in every field that may be empty.
fn every_state(names: &Namespace) -> Vec<Job> {
    let mut jobs = Vec::new();
    for queued in [names.job(), names.rich_job()] {
        let packed = after(&queued, Event::Claim(names.submission_id()));
        let ends = [Event::Answer(names.answer()), Event::Fail(names.failure()), Event::Cancel, Event::Expire];
        jobs.extend(ends.map(|end| after(&packed, end)));
        jobs.extend([queued, packed]);
    }
    jobs
}

/// As large as rows usually get: a pass-through caller, long model names, a requeued body, done, handed out, a twin.
fn large_job(names: &Namespace) -> Job {
    let submission = SubmissionId([0xff; 16]);
    let digest = body_sha256(b"a credential");
    let mut job = names.rich_job();
    job.tenant = TenantId(digest.clone());
    job.request = Request {
        model: "m".repeat(100),
        body_sha256: body_sha256(b"a body"),
        keyed: true,
        tag: Some("t".repeat(64)),
        webhook: None,
    };
    job.lane.credential = CredentialId(digest);
    job.lane.provider = "p".repeat(32);
    job.lane.model = "u".repeat(100);
    job.lane.class = "nightly".to_owned();
    job.joins = Joins { n: 9_999, count: 9_999, low: 9_998, resends: 12, handed: job.joins.handed };
    job.body = Some(BodyAt {
        object: ObjectName(format!("sealed/{submission}.jsonl")),
        offset: 199_999_999,
        length: 4_194_303,
    });
    let usage = Usage { input_tokens: 999_999, output_tokens: 999_999 };
    let object = ObjectName(format!("results/{submission}/{}", names.request_id()));
    let answer = Answer { status: 200, object, offset: 199_999_999, length: 4_194_303, usage };
    after(&after(&job, Event::Claim(submission)), Event::Answer(answer))
}
