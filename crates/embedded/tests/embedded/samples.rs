//! Directories, rows and messages to test with.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::{CredentialId, JobId, RequestId, SubmissionId, TenantId};
use offpeak_core::job::identity::unkeyed;
use offpeak_core::job::{Job, Joins, Request, State};
use offpeak_core::lane::{Lane, Terms};
use offpeak_core::ports::{Message, MessageBody, Random};
use offpeak_core::submission::{self, Size, Submission};
use offpeak_embedded::{OpenError, Options, Store, SystemRandom};

/// A directory of its own, removed at the end.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        let name = format!("offpeak-embedded-{}", JobId(SystemRandom.bits()));
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Of a store that was closed just now the lock may still be held: a child that another test begins has it until it
    /// runs its own program.
    pub(crate) fn open(&self) -> Store {
        for _ in 0..500 {
            match Store::open(&self.0, &Options::default()) {
                Err(OpenError::InUse(_)) => std::thread::sleep(Duration::from_millis(10)),
                opened => return opened.unwrap(),
            }
        }
        unreachable!("{} stays in use", self.0.display())
    }

    /// Every file below it.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let (mut files, mut left) = (Vec::new(), vec![self.0.clone()]);
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                files.push(path);
            }
        }
        files
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn id(n: u32) -> JobId {
    unkeyed(&TenantId::from("acme"), Endpoint::ChatCompletions, "", n)
}

pub(crate) fn lane(class: &str) -> Lane {
    Lane {
        credential: CredentialId::from("openai"),
        provider: "openai".to_owned(),
        endpoint: Endpoint::ChatCompletions,
        model: "gpt-4o-mini".to_owned(),
        class: class.to_owned(),
        terms: Terms::default(),
    }
}

pub(crate) fn job(n: u32) -> Job {
    Job {
        id: id(n),
        tenant: TenantId::from("acme"),
        request: Request {
            model: "small".to_owned(),
            body_sha256: "no hash".to_owned(),
            keyed: false,
            tag: None,
            webhook: None,
        },
        lane: lane("soon"),
        state: State::Queued,
        attempt: 0,
        created_ms: 1_000 + u64::from(n),
        deadline_ms: 100_000,
        finished_ms: 0,
        joins: Joins::default(),
        cancel_wished: false,
        body: None,
    }
}

pub(crate) fn message(n: u32, body: impl Into<Bytes>) -> Message {
    let body = body.into();
    Message {
        job: id(n),
        attempt: 0,
        tenant: TenantId::from("acme"),
        lane: lane("soon"),
        size: Size { requests: 1, bytes: body.len() as u64, tokens: 3, inputs: 0 },
        created_ms: 1_000 + u64::from(n),
        deadline_ms: 100_000,
        body: MessageBody::Inline(body),
    }
}

pub(crate) fn submission(n: u8) -> Submission {
    Submission {
        id: SubmissionId([n; 16]),
        version: 1,
        lane: lane("soon"),
        state: submission::State::Open { owner: RequestId([0; 16]), lease_until_ms: 5 },
        created_ms: u64::from(n),
        sealed: None,
        busy_until_ms: 0,
        origin: submission::Origin::Jobs,
    }
}
