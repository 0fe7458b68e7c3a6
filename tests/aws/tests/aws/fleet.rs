//! Own model servers of the deployed stack: jobs and a batch, while instances are taken back, killed and at risk.

use std::time::Duration;

use offpeak_simulator::{Faults, Options};
use offpeak_tests::batches::{conserved, create, input, line, lines, show, store};
use offpeak_tests::{Answer, Http, Upstream, chat, until_ok};
use offpeak_tests_aws::{Agent, Fact, LONG, Stack, World, noise};
use serde_json::{Value, json};

use super::webhooks::{self, TOLD};

const MODEL: &str = "own-model";
/// Lines of the batch: twelve chunks.
const COUNT: usize = 600;
const JOBS: usize = 20;
/// What an agent runs at once at most, for a second each: as many are lost with it, and what it had not stored yet, which
/// is half a second's and what comes in while a busy machine stores it.
const AT_ONCE: u64 = 16;

pub(crate) static WORKED: Fact = Fact::new(|| Box::pin(worked()));

#[test]
fn own_model_servers_answer_each_line_once_while_their_instances_come_and_go() {
    WORKED.holds();
}

async fn worked() {
    let world = World::get().await;
    super::all(&[&TOLD]).await;
    let stack = webhooks::STACK.lock().clone().expect("a stack with own servers");
    let _alone = world.quiet().await;
    let http = stack.http().with_key(world.key_of("own").await);
    let engine = engine(1_000).await;
    assert_eq!(http.json(&format!("/v1/models/{MODEL}")).await["owned_by"], "fleet");
    instances_come_and_go(world, &stack, &http, &engine).await;
    long_lines_come_in_pages(world, &stack, &http).await;
}

/// A model server that takes so long for each answer, milliseconds.
async fn engine(live_slow_ms: u64) -> Upstream {
    let faults = Faults { live_slow_ms, ..Faults::default() };
    Upstream::start(Options { faults, models: vec![MODEL.to_owned()], is_open: true, ..Options::default() }).await
}

async fn instances_come_and_go(world: &World, stack: &Stack, http: &Http, engine: &Upstream) {
    let mut jobs = Vec::new();
    for number in 0..JOBS {
        jobs.push(accepted(http, number).await);
    }
    let batch = begun(http, &input("own", COUNT, &[MODEL])).await;
    taken_back(world, stack, engine).await;
    killed(world, stack, engine).await;
    at_risk(world, stack, engine).await;
    let _last = Agent::start(&world.aws, stack, engine);
    let done = ended(world, http, &batch).await;
    assert_eq!(conserved(http, &done, "own", COUNT).await, COUNT);
    for (number, job) in jobs.iter().enumerate() {
        world.tick_until_done(http, job.job()).await;
        http.get(&format!("/v1/jobs/{}/result", job.job())).send().await.echoes(&format!("own {number}"));
    }
    let counts = engine.counts();
    let again = counts.live_run - counts.live_distinct;
    println!("{} lines answered by own servers, {again} of them computed again", counts.live_distinct);
    assert_eq!(counts.live_distinct, (COUNT + JOBS) as u64);
    assert!(again <= 4 * AT_ONCE, "{again} computed again");
}

/// A spot instance that is told of its end.
async fn taken_back(world: &World, stack: &Stack, engine: &Upstream) {
    let mut agent = Agent::start(&world.aws, stack, engine);
    answered(world, engine, 60).await;
    agent.instance.says("spot/instance-action", r#"{"action":"terminate","time":"2026-11-29T00:02:00Z"}"#);
    lets_go(&mut agent, false).await;
}

/// One whose machine goes without a word. Until then it has taken up what the one before gave back, and nothing that that
/// one answered had been lost.
async fn killed(world: &World, stack: &Stack, engine: &Upstream) {
    let mut agent = Agent::start(&world.aws, stack, engine);
    answered(world, engine, engine.counts().live_run + 60).await;
    let counts = engine.counts();
    agent.process.kill();
    assert_eq!(counts.live_run, counts.live_distinct);
}

/// One that may be taken back soon: it finishes what it holds, takes no more, and ends its instance.
async fn at_risk(world: &World, stack: &Stack, engine: &Upstream) {
    let mut agent = Agent::start(&world.aws, stack, engine);
    answered(world, engine, engine.counts().live_run + 40).await;
    agent.instance.says("events/recommendations/rebalance", r#"{"noticeTime":"2026-11-29T00:00:00Z"}"#);
    lets_go(&mut agent, true).await;
}

/// It ends within the time of a notice and completes its lifecycle action; whether it ended its instance itself.
async fn lets_go(agent: &mut Agent, ends: bool) {
    assert!(agent.process.end_within(Duration::from_secs(90)).await.success(), "{}", agent.process.log());
    let [completed, ended] =
        ["CompleteLifecycleAction", "TerminateInstanceInAutoScalingGroup"].map(|action| agent.asked(action) > 0);
    assert_eq!((completed, ended), (true, ends));
}

/// Ticks until the engine has answered so many calls.
async fn answered(world: &World, engine: &Upstream, calls: u64) {
    until_ok(&format!("{calls} calls of the engine"), LONG, async || {
        let ticks = world.tick().await;
        if engine.counts().live_run >= calls { Ok(()) } else { Err(ticks) }
    })
    .await;
}

async fn accepted(http: &Http, number: usize) -> Answer {
    let mut question = chat(&format!("own {number}"));
    question["model"] = json!(MODEL);
    let answer = http.post("/v1/chat/completions", &question).header("prefer", "respond-async").send().await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer
}

async fn begun(http: &Http, input: &str) -> String {
    let file = store(http, input).await.expect("a stored file");
    create(http, &file).await.expect("a batch")
}

async fn ended(world: &World, http: &Http, batch: &str) -> Value {
    until_ok("the end of a batch of own servers", LONG, async || {
        let ticks = world.tick().await;
        let shown = show(http, batch).await.ok_or("no answer")?;
        if shown["status"] == "completed" { Ok(shown) } else { Err(format!("{shown} after {ticks}")) }
    })
    .await
}

/// Three lines of more than a megabyte are two pages, and one of more than a page comes by a link; its answer, as long as
/// it is, is more than a report can carry.
async fn long_lines_come_in_pages(world: &World, stack: &Stack, http: &Http) {
    const LONG_LINES: [(usize, usize); 4] = [(0, 1_200_000), (1, 1_300_000), (2, 1_400_000), (3, 3_200_000)];
    let engine = engine(0).await;
    let input = LONG_LINES.map(|(number, bytes)| {
        let mut line = line("long", number, MODEL);
        line["body"]["messages"][0]["content"] = json!(noise(number as u64 + 1, bytes));
        format!("{line}\n")
    });
    let batch = begun(http, &input.concat()).await;
    let _agent = Agent::start(&world.aws, stack, &engine);
    let done = ended(world, http, &batch).await;
    assert_eq!(done["request_counts"], json!({"total": 4, "completed": 3, "failed": 1}));
    let found = lines(http, &done).await;
    for (number, bytes) in LONG_LINES {
        let (is_output, line) = &found[&format!("long {number}")];
        assert_eq!(*is_output, number < 3);
        let said = line["response"]["body"]["choices"][0]["message"]["content"].as_str();
        let sent = noise(number as u64 + 1, bytes);
        assert!(!is_output || said == Some(&*format!("echo: {sent}")), "another answer to line {number}");
    }
    let refused = &found["long 3"].1["response"];
    assert_eq!(refused["body"]["error"]["code"], "engine_answer_too_long", "{refused}");
}
