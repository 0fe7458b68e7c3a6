//! The run that the bill is reckoned from: some hundred jobs, alone on the stack.

use std::fmt::Write as _;
use std::ops::Range;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use offpeak_tests::{Answer, Http, PATIENCE, chat, until_ok};
use offpeak_tests_aws::{Calls, Function, Meter, Usage, World, now_ms};
use serde_json::Value;

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
    /// Every job asked for too early, by its id.
    pub(super) early: Calls,
    /// Every request repeated too early for the first time, and once more.
    pub(super) early_retries: [Calls; 2],
    /// A smaller departure packed and collected.
    pub(super) few: Calls,
    /// Every job packed and collected.
    pub(super) many: Calls,
    /// A tick of each function with nothing to do.
    pub(super) idle: Calls,
    /// Every result read by its job's id for the first time: each is marked as handed out.
    pub(super) first: Calls,
    /// Every result read so again.
    pub(super) again: Calls,
    /// Every request repeated as SDKs do.
    pub(super) retries: Calls,
    /// What all callers of `again` were sent, bytes.
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
    let began_ms = now_ms();
    let few = caller.warm_up().await;
    let (accept, ()) = caller.part(async |caller| caller.accept_all(JOBS).await).await;
    let (early, _) = caller.read(503).await;
    let many = caller.work().await;
    let (idle, _) = caller.part(async |caller| caller.world.tick().await).await;
    let (first, _) = caller.read(200).await;
    let (again, answer_bytes) = caller.read(200).await;
    let retries = caller.repeat(200).await;
    let early_retries = caller.repeat_early().await;
    let log = caller.log(began_ms, &first).await;
    let [accept, early, few, many, idle, first, again, retries] =
        [accept, early, few, many, idle, first, again, retries].map(|span| log.within(&span));
    let early_retries = early_retries.map(|span| log.within(&span));
    Run { accept, early, early_retries, few, many, idle, first, again, retries, answer_bytes }
}

impl Caller<'_> {
    /// When something was done, and what came of it.
    async fn part<T>(&mut self, act: impl AsyncFnOnce(&mut Self) -> T) -> (Range<u64>, T) {
        let from_ms = now_ms();
        let done = act(self).await;
        (from_ms..now_ms() + 1, done)
    }

    /// The log, once it tells of every mark that was made in a part of the run: on a busy machine lines are shown late,
    /// with the next call in the environment that wrote them.
    async fn log(&self, began_ms: u64, marked: &Range<u64>) -> Calls {
        let World { aws, stack, .. } = self.world;
        until_ok("the log of every mark", PATIENCE, async || {
            let calls = (0..2 * CALLERS).map(|_| self.http.get("/healthz").send());
            join_all(calls).await;
            self.world.tick().await;
            let log = Calls::logged(aws, stack, began_ms).await;
            let marks = Usage::of_function(&log.within(marked), Function::FrontDoor).units(Meter::WriteUnit);
            if marks >= u128::from(JOBS) { Ok(log) } else { Err(format!("{marks} marks of {JOBS}")) }
        })
        .await
    }

    /// What a start costs is no job's, so everything runs once before a first, small departure.
    async fn warm_up(&mut self) -> Range<u64> {
        self.accept_all(1).await;
        self.world.tick_until_rest().await;
        self.results(200).await;
        self.accept_all(FEW).await;
        self.work().await
    }

    /// Twice, of jobs that are told so for the first time.
    async fn repeat_early(&mut self) -> [Range<u64>; 2] {
        self.accept_all(JOBS).await;
        let spans = [self.repeat(503).await, self.repeat(503).await];
        self.world.tick_until_rest().await;
        spans
    }

    async fn work(&mut self) -> Range<u64> {
        self.part(async |caller| caller.world.tick_until_rest().await).await.0
    }

    async fn read(&mut self, status: u16) -> (Range<u64>, u64) {
        self.part(async |caller| caller.results(status).await).await
    }

    async fn repeat(&mut self, status: u16) -> Range<u64> {
        self.part(async |caller| caller.retries(status).await).await.0
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
            write!(text, "{word:08x} ").expect("a text takes everything");
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
    async fn retries(&self, status: u16) {
        let ask = |(body, _): &(Value, String)| self.http.post(CHAT, body).retry(1).send();
        let answers: Vec<Answer> = stream::iter(self.jobs.iter().map(ask)).buffer_unordered(CALLERS).collect().await;
        let jobs: Vec<&str> = self.jobs.iter().map(|(_, job)| job.as_str()).collect();
        assert!(answers.iter().all(|answer| answer.status == status && jobs.contains(&answer.job())), "{answers:?}");
    }
}
