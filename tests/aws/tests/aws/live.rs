//! Live calls of the deployed stack: jobs and a batch, called by the function that a schedule starts.

use futures_util::{StreamExt as _, stream};
use offpeak_tests::batches::{conserved, create, input, show, store};
use offpeak_tests::{Answer, Http, chat, until_ok};
use offpeak_tests_aws::{Fact, Function, LONG, Stack, World};
use serde_json::json;

use super::webhooks::{self, TOLD};

const MODEL: &str = "live-model";
/// Lines of the batch: two chunks.
const COUNT: usize = 300;
const JOBS: usize = 12;

pub(crate) static CALLED: Fact = Fact::new(|| Box::pin(called()));

#[test]
fn live_calls_answer_each_line_once() {
    CALLED.holds();
}

async fn called() {
    let world = World::get().await;
    super::all(&[&TOLD]).await;
    let stack = webhooks::STACK.lock().clone().expect("a stack with live calls");
    let _alone = world.quiet().await;
    let http = stack.http().with_key(world.key_of("live").await);
    let before = world.upstream.counts();
    let jobs: Vec<String> = stream::iter(0..JOBS).then(|number| accepted(&http, number)).collect().await;
    comes_home(world, &stack, &http).await;
    for (number, job) in jobs.iter().enumerate() {
        is_answered(world, &stack, &http, job).await.echoes(&format!("live {number}"));
    }
    let counts = world.upstream.counts();
    let [run, distinct] =
        [counts.live_run - before.live_run, counts.live_distinct - before.live_distinct].map(usize::try_from);
    assert_eq!((run, distinct), (Ok(COUNT + JOBS), Ok(COUNT + JOBS)), "each line is called once");
}

/// A batch of the model, from its input to its results.
async fn comes_home(world: &World, stack: &Stack, http: &Http) {
    let file = store(http, &input("live", COUNT, &[MODEL])).await.expect("a stored file");
    let batch = create(http, &file).await.expect("a batch");
    let done = until_ok("the end of a batch called live", LONG, async || {
        let ticks = ticks(world, stack).await;
        let shown = show(http, &batch).await.ok_or("no answer")?;
        if shown["status"] == "completed" { Ok(shown) } else { Err(format!("{shown} after {ticks}")) }
    })
    .await;
    assert_eq!(conserved(http, &done, "live", COUNT).await, COUNT);
}

async fn accepted(http: &Http, number: usize) -> String {
    let mut question = chat(&format!("live {number}"));
    question["model"] = json!(MODEL);
    let answer = http.post("/v1/chat/completions", &question).header("prefer", "respond-async").send().await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.job().to_owned()
}

async fn is_answered(world: &World, stack: &Stack, http: &Http, job: &str) -> Answer {
    until_ok("the end of a job called live", LONG, async || {
        let ticks = ticks(world, stack).await;
        let answer = http.get(&format!("/v1/jobs/{job}/result")).send().await;
        if answer.status == 200 { Ok(answer) } else { Err(format!("{answer:?} after {ticks}")) }
    })
    .await
}

/// A tick of everybody, as the schedules have them.
async fn ticks(world: &World, stack: &Stack) -> String {
    let said = world.tick().await;
    let end = world.aws.invoke(stack.function(Function::Live), &stack.event("live")).await;
    assert!(!end.failed, "{}", end.payload);
    format!("{said} and {}", end.payload)
}
