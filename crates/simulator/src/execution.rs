//! Running a batch's lines and writing its output and error file. This is the hot path: bytes in, bytes out.

use std::ops::Range;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::Faults;
use crate::batch::Batch;
use crate::digest::{digest, mix, push_hex};
use crate::model::Tokens;
use crate::refusal::Refusal;
use crate::validation::{Input, Line};
use crate::wire::BatchUsage;
use crate::world::World;

/// The error of a line that expired.
const EXPIRED: &str =
    r#"{"code":"batch_expired","message":"This request could not be executed before the completion window expired."}"#;

/// The error of a line that was cancelled.
const CANCELLED: &str =
    r#"{"code":"batch_cancelled","message":"This request was not executed because the batch was cancelled."}"#;

/// How many of the lines run, and what becomes of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// All run.
    All,
    /// Half run; the others expired.
    HalfExpired,
    /// Half run; the others were cancelled.
    HalfCancelled,
}

/// The files and what they amount to.
#[derive(Default)]
pub(crate) struct Results {
    /// Lines answered with success.
    pub(crate) output: Vec<u8>,
    /// Lines that failed or did not run.
    pub(crate) errors: Vec<u8>,
    /// Count of the former, repeats left out.
    pub(crate) completed: usize,
    /// Count of the latter, repeats left out.
    pub(crate) failed: usize,
    /// Tokens of all answers.
    pub(crate) usage: BatchUsage,
}

struct Execution<'a> {
    world: &'a World,
    batch: &'a Batch,
    content: &'a [u8],
    faults: Faults,
    random: StdRng,
    answer: Vec<u8>,
    tokens: Tokens,
    results: Results,
}

/// Runs the lines of `input`, once.
pub(crate) fn run(world: &World, batch: &Batch, input: &Input, share: Share) -> Results {
    let mut execution = Execution {
        world,
        batch,
        content: &input.content,
        faults: world.faults(),
        random: StdRng::seed_from_u64(world.options.seed ^ mix(batch.number)),
        answer: Vec::new(),
        tokens: Tokens::default(),
        results: Results::default(),
    };
    let mut order: Vec<&Line> = input.lines.iter().collect();
    if execution.faults.shuffle {
        order.shuffle(&mut execution.random);
    }
    let (running, resting) = match share {
        Share::All => (order.len(), ""),
        Share::HalfExpired => (order.len() / 2, EXPIRED),
        Share::HalfCancelled => (order.len() / 2, CANCELLED),
    };
    execution.results.output.reserve(running * 800 + input.content.len() / 4);
    for line in &order[..running] {
        execution.line(line);
    }
    for line in &order[running..] {
        execution.unfinished(line, resting);
    }
    execution.finish()
}

impl<'a> Execution<'a> {
    fn line(&mut self, line: &Line) {
        if self.strikes(self.faults.line_vanish_rate) {
            return;
        }
        let custom_id = self.text(&line.custom_id);
        let body = self.text(&line.body);
        let body_digest = digest(&[body.as_bytes()]);
        self.answer.clear();
        let status = match self.respond(custom_id, body, body_digest) {
            Ok(tokens) => {
                self.world.bill(custom_id, body_digest);
                self.tokens.input += tokens.input;
                self.tokens.output += tokens.output;
                self.results.completed += 1;
                200
            }
            Err(refusal) => {
                self.answer = refusal.body();
                self.results.failed += 1;
                self.world.counts.lock().lines_failed += 1;
                refusal.status
            }
        };
        let request = body_digest ^ (u128::from(self.batch.number) << 64);
        self.answered(custom_id, request, status);
        if self.strikes(self.faults.line_repeat_rate) {
            self.answered(custom_id, request, status);
        }
    }

    /// Puts the model's answer to a line into the buffer, unless a fault strikes.
    fn respond(&mut self, custom_id: &str, body: &str, body_digest: u128) -> Result<Tokens, Refusal> {
        if self.strikes(self.faults.line_fail_rate) {
            let message = format!("simulated failure of {}", custom_id.trim_matches('"'));
            return Err(Refusal::new(self.faults.line_fail_status, message).code("simulated"));
        }
        if self.world.limits_once(self.faults.line_429_rate, body_digest) {
            return Err(Refusal::rate_limited("Rate limit reached for requests. Please try again later."));
        }
        self.world.run(self.batch.endpoint, body, body_digest, &mut self.answer)
    }

    /// Writes a line with the answer in the buffer to the file where it belongs.
    fn answered(&mut self, custom_id: &str, request: u128, status: u16) {
        let file = if status == 200 { &mut self.results.output } else { &mut self.results.errors };
        open(file, request, custom_id);
        file.extend_from_slice(b"{\"status_code\":");
        file.extend_from_slice(status.to_string().as_bytes());
        file.extend_from_slice(b",\"request_id\":\"req_");
        push_hex(file, request);
        file.extend_from_slice(b"\",\"body\":");
        file.extend_from_slice(&self.answer);
        file.extend_from_slice(b"},\"error\":null}\n");
    }

    /// Writes a line that did not run, with its error.
    fn unfinished(&mut self, line: &Line, error: &str) {
        let custom_id = self.text(&line.custom_id);
        let request = digest(&[custom_id.as_bytes(), &self.batch.number.to_be_bytes()]);
        let file = &mut self.results.errors;
        open(file, request, custom_id);
        file.extend_from_slice(b"null,\"error\":");
        file.extend_from_slice(error.as_bytes());
        file.extend_from_slice(b"}\n");
        self.results.failed += 1;
    }

    fn finish(mut self) -> Results {
        self.results.usage = BatchUsage::new(self.tokens.input, self.tokens.output);
        self.results
    }

    fn strikes(&mut self, rate: f64) -> bool {
        rate > 0.0 && self.random.random::<f64>() < rate
    }

    fn text(&self, range: &Range<usize>) -> &'a str {
        std::str::from_utf8(&self.content[range.clone()]).unwrap_or_default()
    }
}

/// Begins a line, up to its response.
fn open(file: &mut Vec<u8>, request: u128, custom_id: &str) {
    file.extend_from_slice(b"{\"id\":\"batch_req_");
    push_hex(file, request);
    file.extend_from_slice(b"\",\"custom_id\":");
    file.extend_from_slice(custom_id.as_bytes());
    file.extend_from_slice(b",\"response\":");
}
