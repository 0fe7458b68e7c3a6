//! What seldom happens, so that every grant has its call.

use offpeak_simulator::Faults;
use offpeak_tests::{Answer, Http, chat, until_ok};
use offpeak_tests_aws::{Fact, Function, LONG, World, noise};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

pub(crate) static NIGHT: Fact = Fact::new(|| Box::pin(night()));
pub(crate) static TROUBLE: Fact = Fact::new(|| Box::pin(trouble()));
pub(crate) static REFUSED: Fact = Fact::new(|| Box::pin(refused_whole()));

#[test]
fn the_night_departs_and_an_audit_at_any_moment_finds_nothing() {
    NIGHT.holds();
}

#[test]
fn poison_and_passing_failures_stop_nobody_else() {
    TROUBLE.holds();
}

#[test]
fn a_submission_that_the_provider_refuses_fails_its_jobs() {
    REFUSED.holds();
}

async fn accepted(http: &Http, body: &Value, class: &str) -> Answer {
    let call = http.post(CHAT, body).header("prefer", "respond-async").header("x-offpeak-class", class);
    let answer = call.send().await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer
}

async fn tick(world: &World, function: Function, event: &str) {
    let end = world.aws.invoke(world.stack.function(function), &world.stack.event(event)).await;
    assert!(!end.failed, "{event}: {}", end.payload);
}

async fn audited(world: &World) {
    let audit = world.operator(&json!({"command": "audit"})).await;
    assert_eq!(audit["violations"], json!([]), "{audit}");
}

async fn night() {
    let world = World::get().await;
    let _alone = world.quiet().await;
    let http = world.tenant("night").await;
    looks_ready(&http).await;
    let mut late = chat("late");
    late["user"] = json!("sim-flaky-500");
    let late = accepted(&http, &late, "nightly").await;
    let soon = accepted(&http, &chat("soon"), "soon").await;
    audited(world).await;
    is_packed(world, &http, &late).await;
    audited(world).await;
    world.tick_until_done(&http, soon.job()).await;
    ends_this_night(world, &http, &late).await;
    audited(world).await;
}

async fn looks_ready(http: &Http) {
    let stats = http.json("/stats").await;
    assert!(stats["jobs"].is_object(), "{stats}");
    assert_eq!(http.get("/readyz").send().await.status, 200);
}

/// Its first line failed for a passing reason: it is queued again, and departs without waiting for another night.
async fn ends_this_night(world: &World, http: &Http, job: &Answer) {
    until_ok("the end of the night", LONG, async || {
        tick(world, Function::Packer, "packer-nightly").await;
        tick(world, Function::Poller, "poller").await;
        let shown = http.json(&format!("/v1/jobs/{}", job.job())).await;
        if shown["status"] == "done" { Ok(()) } else { Err(shown.to_string()) }
    })
    .await;
}

/// Puts the class's last departure back to 1970: it is due as soon as a job waits.
async fn never_departed(world: &World, class: &str) {
    let table = world.stack.physical("ClassesTable");
    let rows = world.aws.items(table).await;
    let mut row = rows.into_iter().find(|row| row["class"]["S"] == class).expect("the class's row");
    let mut departures: Value = serde_json::from_str(row["doc"]["S"].as_str().expect("a document")).expect("JSON");
    assert!(departures["departed_ms"].is_u64(), "{departures}");
    departures["departed_ms"] = json!(0);
    row["doc"]["S"] = json!(departures.to_string());
    world.aws.json("DynamoDB_20120810.PutItem", &json!({"TableName": table, "Item": row})).await;
}

/// Has the night's class departed with a job.
async fn is_packed(world: &World, http: &Http, job: &Answer) {
    // A class that is looked at for the first time waits for its hour.
    tick(world, Function::Packer, "packer-nightly").await;
    never_departed(world, "nightly").await;
    until_ok("a night's departure", LONG, async || {
        tick(world, Function::Packer, "packer-nightly").await;
        let shown = http.json(&format!("/v1/jobs/{}", job.job())).await;
        if shown["status"] == "queued" { Err(shown.to_string()) } else { Ok(()) }
    })
    .await;
}

async fn trouble() {
    let world = World::get().await;
    let _alone = world.quiet().await;
    let http = world.tenant("trouble").await;
    let poison = json!({"QueueUrl": world.stack.physical("SoonQueue"), "MessageBody": "no message of ours"});
    world.aws.json("AmazonSQS.SendMessage", &poison).await;
    world.provider_fails_with(Faults { upload_fail: 1, ..Faults::default() });
    let mut jobs = Vec::new();
    for text in ["the second time", "this one too"] {
        let mut flaky = chat(text);
        flaky["user"] = json!("sim-flaky-500");
        jobs.push((text, accepted(&http, &flaky, "soon").await));
    }
    for (text, job) in &jobs {
        world.tick_until_done(&http, job.job()).await;
        http.get(&format!("/v1/jobs/{}/result", job.job())).send().await.echoes(text);
    }
    world.provider_fails_with(Faults::default());
    audited(world).await;
}

/// The provider takes 16 MiB in a file, whatever this application was told.
async fn refused_whole() {
    let world = World::get().await;
    let _alone = world.quiet().await;
    let http = world.tenant("refused whole").await;
    let mut jobs = Vec::new();
    for seed in 11..16 {
        jobs.push(accepted(&http, &chat(&noise(seed, 4_000_000)), "soon").await);
    }
    tick(world, Function::Packer, "packer-soon").await;
    for job in &jobs {
        let shown = world.tick_until_final(&http, job.job()).await;
        assert_eq!(shown["status"], "failed", "{shown}");
    }
    audited(world).await;
}
