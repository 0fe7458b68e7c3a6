//! Five hundred requests that nobody but the stack's own schedules drives.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use offpeak_tests::{Answer, Http, chat, embeddings, until};
use offpeak_tests_aws::{Fact, Function, Twin, World};
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
    let began_ms = offpeak_tests_aws::now_ms();
    let ask = |number| accept(world, &http, number);
    let accepted: Vec<(Twin, String)> = stream::iter(0..COUNT).map(ask).buffer_unordered(CALLERS).collect().await;
    let jobs: std::collections::BTreeSet<&String> = accepted.iter().map(|(_, job)| job).collect();
    assert_eq!(jobs.len(), COUNT);
    until("every job done by the schedules", BOUND, async || {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let status = world.operator(&json!({"command": "status"})).await;
        let open = |state: &str| status["jobs"][state].as_u64().unwrap_or(0);
        (open("queued") + open("packed") == 0).then_some(())
    })
    .await;
    let fetched = stream::iter(accepted).map(|(twin, job)| fetch(&http, twin, job)).buffer_unordered(CALLERS);
    let answers: Vec<(Twin, Answer)> = fetched.collect().await;
    for (twin, answer) in &answers {
        twin.answered_by(answer);
    }
    let ended_ms = offpeak_tests_aws::now_ms();
    let logged = offpeak_tests_aws::Calls::logged(&world.aws, &world.stack, began_ms, ended_ms).await;
    for function in [Function::Packer, Function::Poller] {
        assert!(logged.invocations_of(function) > 0, "no schedule invoked {function:?}");
    }
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
