//! Five hundred requests that nobody but the stack's own schedules drives.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use offpeak_tests::{Answer, Http, chat, embeddings, until_ok};
use offpeak_tests_aws::{Calls, Fact, Function, Twin, World, now_ms};
use serde_json::{Value, json};

const COUNT: usize = 500;
/// Calls at once.
const CALLERS: usize = 12;
/// Four ticks of every schedule.
const BOUND: Duration = Duration::from_mins(4);

pub(crate) static DRIVEN: Fact = Fact::new(|| Box::pin(driven()));

#[test]
fn the_schedules_have_500_mixed_requests_answered_right() {
    DRIVEN.holds();
}

/// A request of each kind in turn, none twice.
fn request(number: usize) -> (&'static str, Value) {
    let text = format!("question {number}");
    match number % 10 {
        0..=2 => ("/v1/chat/completions", chat(&text)),
        3 | 4 => ("/v1/embeddings", embeddings(&text)),
        5 => ("/v1/completions", json!({"model": "gpt-4.1-mini", "prompt": text})),
        6 => ("/v1/responses", json!({"model": "gpt-4.1-mini", "input": text})),
        7 => ("/v1/moderations", json!({"model": "omni-moderation-latest", "input": text})),
        8 => {
            let mut other = chat(&text);
            other["model"] = json!("gpt-5-mini");
            ("/v1/chat/completions", other)
        }
        _ => {
            let mut refused = chat(&text);
            refused["user"] = json!("sim-status-422");
            ("/v1/chat/completions", refused)
        }
    }
}

async fn driven() {
    let world = World::get().await;
    let _alone = world.quiet().await;
    let http = world.tenant("mixed").await;
    let began_ms = now_ms();
    let ask = |number| accept(world, &http, number);
    let accepted: Vec<(Twin, String)> = stream::iter(0..COUNT).map(ask).buffer_unordered(CALLERS).collect().await;
    let jobs: BTreeSet<&String> = accepted.iter().map(|(_, job)| job).collect();
    assert_eq!(jobs.len(), COUNT);
    world.set_ticking("SoonTicks", true).await;
    are_running(world).await;
    // From now on, and not from the first: a poll that comes too early is the next one's minute lost.
    world.set_ticking("PollerTicks", true).await;
    until_ok("every job done by the schedules", BOUND, async || {
        let status = world.operator(&json!({"command": "status"})).await;
        let open = |state: &str| status["jobs"][state].as_u64().unwrap_or(0);
        if open("queued") + open("packed") == 0 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    until_ok("a tick of either schedule", BOUND, async || {
        let logged = Calls::logged(&world.aws, &world.stack, began_ms).await;
        let [packed, polled] = [Function::Packer, Function::Poller].map(|function| logged.invocations_of(function));
        if packed > 0 && polled > 0 { Ok(()) } else { Err(format!("{packed} of the packer, {polled} of the poller")) }
    })
    .await;
    for schedule in ["SoonTicks", "PollerTicks"] {
        world.set_ticking(schedule, false).await;
    }
    let fetched = stream::iter(accepted).map(|(twin, job)| fetch(&http, twin, job)).buffer_unordered(CALLERS);
    let answers: Vec<(Twin, Answer)> = fetched.collect().await;
    for (twin, answer) in &answers {
        twin.answered_by(answer);
    }
}

/// Waits until every job is in a batch, and the provider has ended them all.
async fn are_running(world: &World) {
    until_ok("every job with the provider", BOUND, async || {
        let status = world.operator(&json!({"command": "status"})).await;
        let before = |state: &str| status["submissions"][state].as_u64().unwrap_or(0);
        let unborn: u64 = ["open", "sealed", "uploading", "waiting", "creating"].map(before).iter().sum();
        let queued = status["jobs"]["queued"].as_u64().unwrap_or(0);
        if queued + unborn == 0 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    provider_is_done(world).await;
}

/// Waits until the provider runs nothing.
pub(super) async fn provider_is_done(world: &World) {
    let provider = Http::to(world.upstream.url()).with_key("sk-own");
    until_ok("the end of every batch", BOUND, async || {
        let batches = provider.json("/batches?limit=100").await;
        let listed = batches["data"].as_array().expect("a list");
        let running = ["validating", "in_progress", "finalizing"];
        let is_running = |batch: &&Value| running.iter().any(|state| batch["status"] == *state);
        listed.iter().find(is_running).map_or(Ok(()), |batch| Err(batch.to_string()))
    })
    .await;
}

async fn accept(world: &World, http: &Http, number: usize) -> (Twin, String) {
    let (path, body) = request(number);
    let twin = Twin::of(world, path, body.to_string()).await;
    let call = http.post_bytes(path, twin.body.clone()).header("content-type", "application/json");
    let answer = call.header("prefer", "respond-async").send().await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let job = answer.job().to_owned();
    (twin, job)
}

async fn fetch(http: &Http, twin: Twin, job: String) -> (Twin, Answer) {
    let answer = http.get(&format!("/v1/jobs/{job}/result")).send().await;
    (twin, answer)
}
