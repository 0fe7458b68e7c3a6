//! A stack is deployed over itself, used in other ways, and taken down.

use futures_util::future::join_all;
use offpeak_tests::{Http, chat};
use offpeak_tests_aws::{Fact, World, grants, left};
use parking_lot::Mutex;
use serde_json::json;

use super::{bill, bodies, door, privileges, rare, schedules, sdk};

const CHAT: &str = "/v1/chat/completions";

/// Everything that is found out about the first deployment.
static FIRST: [&Fact; 15] = [
    &sdk::SERVED,
    &door::REFUSED,
    &door::APART,
    &door::KEYED,
    &door::REVOKED,
    &door::UNLISTED,
    &door::NIGHTLY,
    &bodies::LARGE,
    &bodies::ODD,
    &bodies::REFUSED,
    &schedules::DRIVEN,
    &rare::NIGHT,
    &rare::TROUBLE,
    &rare::REFUSED,
    &bill::BILL,
];

/// What holds data: its template says Retain of all of these, and of the key that seals.
const KEPT_RESOURCES: [&str; 9] = [
    "JobsTable",
    "SubmissionsTable",
    "ClassesTable",
    "KeysTable",
    "UsageTable",
    "CredentialsTable",
    "Bucket",
    "SoonQueue",
    "NightlyQueue",
];
static SEALING_KEY: Mutex<String> = Mutex::new(String::new());

pub(crate) static KEPT: Fact = Fact::new(|| Box::pin(kept()));
pub(crate) static PASSED_THROUGH: Fact = Fact::new(|| Box::pin(passed_through()));
pub(crate) static AUDITED: Fact = Fact::new(|| Box::pin(audited()));
pub(crate) static TAKEN_DOWN: Fact = Fact::new(|| Box::pin(taken_down()));

#[test]
fn a_second_deploy_keeps_jobs_and_keys_and_lists_them_with_the_index() {
    KEPT.holds();
}

#[test]
fn callers_credentials_pass_through_sealed() {
    PASSED_THROUGH.holds();
}

#[test]
fn the_audit_of_the_whole_run_finds_nothing() {
    AUDITED.holds();
}

#[test]
fn what_is_left_after_the_stack_is_what_holds_data() {
    TAKEN_DOWN.holds();
}

/// Notes what the deployment grants, before the next one.
async fn note_grants(world: &World) {
    let granted = grants(&world.aws, &world.stack).await;
    privileges::GRANTED.lock().extend(granted);
}

async fn kept() {
    let world = World::get().await;
    super::all(&FIRST).await;
    let _alone = world.quiet().await;
    note_grants(world).await;
    let http = world.tenant("kept").await;
    let job = http.post(CHAT, &chat("kept")).header("prefer", "respond-async").send().await;
    let stack = world.redeploy(&[("JobIndex", "true")]).await;
    assert_eq!(stack.outputs, world.stack.outputs);
    note_grants(world).await;
    world.tick_until_done(&http, job.job()).await;
    http.get(&format!("/v1/jobs/{}/result", job.job())).send().await.echoes("kept");
    is_listed(world, &http).await;
}

async fn is_listed(world: &World, http: &Http) {
    let ask = async |text: &str| http.post(CHAT, &chat(text)).header("prefer", "respond-async").send().await;
    let (earlier, later) = (ask("listed").await, ask("listed first").await);
    let listed = http.json("/v1/jobs").await;
    assert_eq!((&listed["data"][0]["id"], &listed["data"][1]["id"]), (&json!(later.job()), &json!(earlier.job())));
    for job in [earlier.job(), later.job()] {
        world.tick_until_done(http, job).await;
    }
}

async fn passed_through() {
    let world = World::get().await;
    super::all(&[&KEPT]).await;
    let _alone = world.quiet().await;
    let stack = world.redeploy(&[("JobIndex", "true"), ("Auth", "passthrough")]).await;
    stack.physical("SealingKey").clone_into(&mut SEALING_KEY.lock());
    note_grants(world).await;
    let http = world.stack.http().with_key("sk-callers-own-credential");
    let job = http.post(CHAT, &chat("sealed")).header("prefer", "respond-async").send().await;
    world.tick_until_done(&http, job.job()).await;
    http.get(&format!("/v1/jobs/{}/result", job.job())).send().await.echoes("sealed");
    // At once, so that another environment has to open the key that the first one made.
    let calls = (0..6)
        .map(|number| http.post(CHAT, &chat(&format!("sealed {number}"))).header("prefer", "respond-async").send());
    for job in join_all(calls).await {
        world.tick_until_done(&http, job.job()).await;
    }
    assert_eq!(http.get("/v1/models").send().await.status, 200, "what is relayed");
    holds_no_secret(world).await;
}

async fn holds_no_secret(world: &World) {
    let sealed = world.aws.items(world.stack.physical("CredentialsTable")).await;
    assert!(!sealed.is_empty() && !json!(sealed).to_string().contains("sk-callers-own-credential"));
}

async fn audited() {
    let world = World::get().await;
    super::all(&[&PASSED_THROUGH]).await;
    let status = world.operator(&json!({"command": "status"})).await;
    assert!(status["jobs"]["done"].as_u64().is_some_and(|done| done >= 700), "{status}");
    let audit = world.operator(&json!({"command": "audit"})).await;
    assert_eq!(audit["violations"], json!([]), "{audit}");
    println!("status {status}\naudit {audit}");
    let counts = world.upstream.counts();
    assert_eq!((counts.paid_twice, counts.mixed_model_batches), (0, 0));
    assert_eq!(world.failed_ticks(), Vec::<serde_json::Value>::new());
}

async fn taken_down() {
    let world = World::get().await;
    super::all(&[&privileges::LEAST, &AUDITED]).await;
    let _alone = world.quiet().await;
    world.aws.delete_stack(&world.stack.name).await;
    let left = left(&world.aws, &world.stack.name).await;
    println!("left after the stack: {left:#?}");
    let mut wanted: Vec<&str> = KEPT_RESOURCES.iter().map(|logical| world.stack.physical(logical)).collect();
    // A queue is known by its address.
    for name in &mut wanted {
        *name = name.rsplit('/').next().unwrap_or(name);
    }
    wanted.sort_unstable();
    assert_eq!(left, wanted);
    let key = json!({"KeyId": *SEALING_KEY.lock()});
    let told = world.aws.json("TrentService.DescribeKey", &key).await;
    assert_eq!(told["KeyMetadata"]["KeyState"], "Enabled", "{told}");
    let jobs = world.aws.items(world.stack.physical("JobsTable")).await;
    assert!(jobs.len() >= 700, "{} jobs", jobs.len());
}
