//! The provider dialects and the relay against servers on this machine.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod create;
mod files;
mod find;
mod live;
mod poll;
mod rehearsal;
mod relay;
mod retry;
mod stage;

use std::time::Duration;

use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::{FileId, SubmissionId};
use offpeak_core::ports::{Marker, NewBatch};
use offpeak_core::submission::Refusal;
use offpeak_providers::openai::{Backend, Config};
use secrecy::SecretString;

const SUBMISSION: SubmissionId = SubmissionId([0x5a; 16]);
const SUBMISSION_TEXT: &str = "sub_5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const KEY: &str = "sk-very-secret";

fn key() -> SecretString {
    SecretString::from(KEY)
}

fn backend(base_url: impl Into<String>) -> Backend {
    let config = Config { pause: Duration::from_millis(2), ..Config::new(base_url) };
    Backend::new(&config).unwrap()
}

fn new_batch() -> NewBatch {
    NewBatch {
        submission: SUBMISSION,
        file: FileId::from("file-1"),
        endpoint: Endpoint::ChatCompletions,
        timeout_ms: 20_000,
    }
}

fn marker(since_ms: u64) -> Marker {
    Marker { submission: SUBMISSION, file: FileId::from("file-1"), since_ms }
}

fn refusal(status: u16, code: &str, message: &str, passing: bool) -> Refusal {
    Refusal { status, code: code.to_owned(), message: message.to_owned(), passing, lines: Vec::new() }
}
