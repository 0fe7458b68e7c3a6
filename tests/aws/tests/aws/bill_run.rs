//! The run that the bill is reckoned from: some hundred jobs, alone on the stack.

use futures_util::{StreamExt as _, stream};
use offpeak_tests::{Answer, Http, PATIENCE, chat, until};
use offpeak_tests_aws::{Calls, Function, World, now_ms};
use serde_json::{Value, json};

/// Jobs of the run, each of about 2 KB, answered with as much.
pub(super) const JOBS: u32 = 240;
/// Jobs of a smaller departure before it: what both cost alike is no job's.
pub(super) const FEW: u32 = 40;
const BYTES: usize = 2_048;
const CALLERS: usize = 8;
const CHAT: &str = "/v1/chat/completions";

/// What was called in each part of the run.
pub(super) struct Run {
    /// Every job accepted.
    pub(super) accept: Calls,
    /// Every job asked for too early.
    pub(super) not_ready: Calls,
    /// A smaller departure packed and collected.
    pub(super) few: Calls,
    /// Every job packed and collected.
    pub(super) many: Calls,
    /// A tick of each function with nothing to do.
    pub(super) idle: Calls,
    /// Every result read by its job's id.
    pub(super) results: Calls,
    /// Every request repeated as SDKs do.
    pub(super) retries: Calls,
    /// What all callers of `results` were sent, bytes.
    pub(super) answer_bytes: u64,
}

struct Caller<'a> {
    world: &'a World,
    http: Http,
    jobs: Vec<(Value, String)>,
    asked: u32,
}

/// Runs it. Nobody else may use the stack meanwhile.
pub(super) async fn run(world: &World) -> Run {
    let mut caller = Caller { world, http: world.tenant("bill").await, jobs: Vec::new(), asked: 0 };
    // What a start costs is no job's, so everything has run once before the first part begins.
    caller.accept_all(1).await;
    caller.until_done().await;
    caller.results(200).await;
    caller.accept_all(FEW).await;
    let (few, ()) = caller.part(async |caller| caller.until_done().await).await;
    let (accept, ()) = caller.part(async |caller| caller.accept_all(JOBS).await).await;
    let (not_ready, _) = caller.part(async |caller| caller.results(503).await).await;
    let (many, ()) = caller.part(async |caller| caller.until_done().await).await;
    let (idle, ()) = caller.part(async |caller| caller.tick().await).await;
    let (results, answer_bytes) = caller.part(async |caller| caller.results(200).await).await;
    let (retries, ()) = caller.part(async |caller| caller.retries().await).await;
    Run { accept, not_ready, few, many, idle, results, retries, answer_bytes }
}

impl Caller<'_> {
    /// What the functions logged while something was done.
    async fn part<T>(&mut self, act: impl AsyncFnOnce(&mut Self) -> T) -> (Calls, T) {
        let from_ms = now_ms();
        let done = act(self).await;
        let to_ms = now_ms() + 1;
        let calls = Calls::logged(&self.world.aws, &self.world.stack, from_ms, to_ms).await;
        (calls, done)
    }

    /// Has so many jobs accepted, none of them like an earlier one.
    async fn accept_all(&mut self, count: u32) {
        let from = self.asked;
        self.asked += count;
        let caller = &*self;
        let ask = |number| caller.accept(number);
        let jobs = stream::iter(from..from + count).map(ask).buffer_unordered(CALLERS).collect().await;
        self.jobs = jobs;
    }

    /// Asks a question of 2 KB of words that no other question has.
    async fn accept(&self, number: u32) -> (Value, String) {
        let mut text = String::new();
        let mut word = number;
        while text.len() < BYTES - 100 {
            word = word.wrapping_mul(0x9e37_79b9).wrapping_add(1);
            text.push_str(&format!("{word:08x} "));
        }
        let body = chat(&text);
        let answer = self.http.post(CHAT, &body).header("prefer", "respond-async").send().await;
        assert_eq!(answer.status, 202, "{answer:?}");
        (body, answer.job().to_owned())
    }

    /// Asks for every result, and says how many bytes came.
    async fn results(&self, status: u16) -> u64 {
        let ask = |(_, job): &(Value, String)| self.http.get(&format!("/v1/jobs/{job}/result")).send();
        let answers: Vec<Answer> = stream::iter(self.jobs.iter().map(ask)).buffer_unordered(CALLERS).collect().await;
        assert!(answers.iter().all(|answer| answer.status == status), "{answers:?}");
        answers.iter().map(|answer| answer.body.len() as u64).sum()
    }

    /// Repeats every request as an SDK that was told to come back.
    async fn retries(&self) {
        let ask = |(body, _): &(Value, String)| self.http.post(CHAT, body).retry(1).send();
        let answers: Vec<Answer> = stream::iter(self.jobs.iter().map(ask)).buffer_unordered(CALLERS).collect().await;
        let jobs: Vec<&str> = self.jobs.iter().map(|(_, job)| job.as_str()).collect();
        assert!(answers.iter().all(|answer| answer.status == 200 && jobs.contains(&answer.job())), "{answers:?}");
    }

    async fn tick(&self) {
        let World { aws, stack, .. } = self.world;
        for (function, event) in [(Function::Packer, "packer-soon"), (Function::Poller, "poller")] {
            let end = aws.invoke(stack.function(function), &stack.event(event)).await;
            assert!(!end.failed, "{function:?}: {}", end.payload);
        }
    }

    async fn until_done(&self) {
        until("every job of the bill", PATIENCE, async || {
            self.tick().await;
            let status = self.world.operator(&json!({"command": "status"})).await;
            let open = |state: &str| status["jobs"][state].as_u64().unwrap_or(0);
            (open("queued") + open("packed") == 0).then_some(())
        })
        .await;
    }
}
