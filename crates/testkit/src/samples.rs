//! Rows and messages to test with: every value of its own namespace, so that tests may share a store.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::{BatchId, CredentialId, FileId, JobId, ObjectName, RequestId, SubmissionId, TenantId};
use offpeak_core::job::{self, Answer, BodyAt, Event, Failure, Handed, Job, Joins, Request, Transition, Usage};
use offpeak_core::lane::{Lane, Next, Terms};
use offpeak_core::notice::Webhook;
use offpeak_core::ports::{Message, MessageBody, ProviderFile};
use offpeak_core::submission::{
    CancelReason, Creating, Ending, Origin, Placed, Refusal, Sealed, Size, State, Submission,
};

/// 2026-01-01 00:00:00 UTC in Unix milliseconds: when every sample was made.
pub const CREATED_MS: u64 = 1_767_225_600_000;

/// A day in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// A source of ids that nobody else uses.
#[derive(Debug)]
pub struct Namespace {
    salt: u64,
    next: AtomicU64,
}

impl Namespace {
    /// A new one, also across processes.
    pub fn fresh() -> Self {
        Self { salt: RandomState::new().hash_one("namespace"), next: AtomicU64::new(1) }
    }

    /// A name within the namespace: equal for equal words.
    pub fn name(&self, word: &str) -> String {
        format!("{word}-{:016x}", self.salt)
    }

    /// The namespace's only tenant.
    pub fn tenant(&self) -> TenantId {
        TenantId(self.name("tenant"))
    }

    /// A new id's bytes, above all earlier ones.
    pub(crate) fn bytes(&self) -> [u8; 16] {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        ((u128::from(self.salt) << 64) | u128::from(number)).to_be_bytes()
    }

    /// A new job's id.
    pub fn job_id(&self) -> JobId {
        JobId(self.bytes())
    }

    /// A new submission's id, above all earlier ones.
    pub fn submission_id(&self) -> SubmissionId {
        SubmissionId(self.bytes())
    }

    /// A new call's id.
    pub fn request_id(&self) -> RequestId {
        RequestId(self.bytes())
    }

    /// An object's name: equal for equal words.
    pub fn object(&self, word: &str) -> ObjectName {
        ObjectName(format!("{}/{word}", self.name("objects")))
    }

    /// The namespace's only lane.
    pub fn lane(&self) -> Lane {
        Lane {
            credential: CredentialId(self.name("credential")),
            provider: "openai".to_owned(),
            endpoint: Endpoint::ChatCompletions,
            model: "gpt-4o-mini".to_owned(),
            class: self.name("class"),
            terms: Terms::default(),
        }
    }

    /// A new queued job, as the front door makes it.
    pub fn job(&self) -> Job {
        Job {
            id: self.job_id(),
            tenant: self.tenant(),
            request: Request {
                model: "small".to_owned(),
                body_sha256: job::identity::body_sha256(b"{}"),
                keyed: false,
                tag: None,
                webhook: None,
            },
            lane: self.lane(),
            state: job::State::Queued,
            attempt: 0,
            created_ms: CREATED_MS,
            deadline_ms: CREATED_MS + 3 * DAY_MS,
            finished_ms: 0,
            joins: Joins::default(),
            cancel_wished: false,
            body: None,
        }
    }

    /// A new queued job with a value in every field that may be empty.
    pub fn rich_job(&self) -> Job {
        let handed = Handed { request: self.request_id(), retry_count: 2, at_ms: CREATED_MS + 7 };
        let mut job = self.job();
        job.request.keyed = true;
        job.request.tag = Some("team \"a\" / ünïcode \u{1f642}".to_owned());
        job.request.webhook =
            Some(Webhook { receiver: self.receiver_id(), url: Some("https://hooks.example/1".into()) });
        job.attempt = 3;
        job.lane.terms = self.terms();
        job.joins = Joins { n: 5, count: 9, low: 4, resends: 2, handed: Some(handed) };
        job.cancel_wished = true;
        job.body = Some(self.body_at("sealed"));
        job
    }

    /// Terms with a value in every field.
    pub fn terms(&self) -> Terms {
        let next = |word: &str, grace_ms| Next {
            provider: self.name(word),
            model: "org/modèle \"x\"".to_owned(),
            within_ms: 3_600_000,
            grace_ms,
        };
        Terms {
            private: true,
            within_ms: 86_400_000,
            grace_ms: Some(7_200_000),
            then: vec![next("second", Some(60_000)), next("third", None)],
        }
    }

    /// A slice of an object.
    pub fn body_at(&self, word: &str) -> BodyAt {
        BodyAt { object: self.object(word), offset: 5_000_000_000, length: 123 }
    }

    /// An answer with a value in every field.
    pub fn answer(&self) -> Answer {
        Answer {
            status: 200,
            object: self.object("results"),
            offset: 6_000_000_000,
            length: 321,
            usage: Usage { input_tokens: 5_000_000_001, output_tokens: 17 },
        }
    }

    /// A failure with a sentence.
    pub fn failure(&self) -> Failure {
        Failure { code: "attempts_exhausted".to_owned(), message: "It failed three times; that is enough.".to_owned() }
    }

    /// A new submission, open under a lease.
    pub fn submission(&self) -> Submission {
        Submission {
            id: self.submission_id(),
            version: 1,
            lane: self.lane(),
            state: State::Open { owner: self.request_id(), lease_until_ms: CREATED_MS + 60_000 },
            created_ms: CREATED_MS,
            sealed: None,
            busy_until_ms: 0,
            origin: Origin::Jobs,
        }
    }

    /// What sealing fixes.
    pub fn sealed(&self) -> Sealed {
        Sealed {
            object: self.object("sealed.jsonl"),
            manifest: self.object("sealed.manifest"),
            manifest_sha256: job::identity::body_sha256(b"manifest"),
            size: Size { requests: 50_000, bytes: 200_000_000, tokens: 900_000, inputs: 7 },
            deadline_ms: CREATED_MS + DAY_MS,
            turn_ms: None,
        }
    }

    /// Every state of a submission that something is owed to, with a value in every field that may be empty.
    pub fn owed_states(&self) -> Vec<State> {
        let file = || Some(FileId::from("file-1"));
        let creating = Creating { file: "file-1".into(), attempt: 2, since_ms: 3, deadline_ms: 4, absent_ms: Some(5) };
        let placed = Placed {
            batch: BatchId::from("batch_1"),
            file: "file-1".into(),
            since_ms: 6,
            intended_ms: 5,
            suspect: true,
        };
        let refusal = Refusal {
            status: 400,
            code: "invalid".to_owned(),
            message: "No \"good\".".to_owned(),
            passing: true,
            lines: vec![3, 7],
        };
        let files = vec![
            ProviderFile { id: "file-2".into(), lines: Some(9) },
            ProviderFile { id: "file-3".into(), lines: None },
        ];
        let ended = Ending::Batch { files, input: "file-1".into(), lines: Some(9), forsaken: true };
        let collecting = |ending, results| State::Collecting { ending, results, downloads: 3, not_before_ms: 8 };
        vec![
            State::Open { owner: self.request_id(), lease_until_ms: 1 },
            State::Sealed,
            State::Uploading,
            State::Waiting { until_ms: 2, file: file() },
            State::Waiting { until_ms: 2, file: None },
            State::Creating(creating),
            State::Submitted(placed.clone()),
            State::Cancelling(placed, CancelReason::Overdue),
            collecting(ended, Some(self.object("results"))),
            collecting(Ending::Refused { refusal, input: file() }, None),
            collecting(Ending::TooLate { input: None }, None),
            State::Done { leftovers: vec!["file-1".into(), "file-2".into()] },
        ]
    }

    /// A new message of a new job.
    pub fn message(&self, body: impl Into<Bytes>) -> Message {
        let body = body.into();
        Message {
            job: self.job_id(),
            attempt: 0,
            tenant: self.tenant(),
            lane: self.lane(),
            size: Size { requests: 1, bytes: body.len() as u64, tokens: 11, inputs: 0 },
            created_ms: CREATED_MS,
            deadline_ms: CREATED_MS + DAY_MS,
            body: MessageBody::Inline(body),
        }
    }
}

/// The transition that takes `event` to the job as it is here, dated a second after the samples.
///
/// # Panics
/// Where the job's state does not allow the event.
#[expect(clippy::expect_used, reason = "a test that asks for an illegal transition is wrong")]
pub fn to(job: &Job, event: Event) -> Transition {
    Transition::new(job.id, job.as_is(), event, CREATED_MS + 1_000).expect("a legal transition")
}

/// The job after `event`, as its row must read.
///
/// # Panics
/// Where the job's state does not allow the event.
pub fn after(job: &Job, event: Event) -> Job {
    let mut row = job.clone();
    to(job, event).apply(&mut row);
    row
}
