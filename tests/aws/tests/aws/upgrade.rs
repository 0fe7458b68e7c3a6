//! A stack is deployed over itself, used in other ways, and taken down.

use offpeak_tests::{Answer, Http, PATIENCE, chat, until_ok};
use offpeak_tests_aws::{Fact, World, left};
use serde_json::{Value, json};

use super::{
    batches, bill, bill_batches, bodies, door, files, fleet, inbox, live, passthrough, privileges, rare, schedules,
    sdk, webhooks,
};

const CHAT: &str = "/v1/chat/completions";

/// Everything that is found out about the first deployment.
static FIRST: [&Fact; 22] = [
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
    &batches::SERVED,
    &batches::CONSERVED,
    &batches::APART,
    &batches::POLLED,
    &files::LARGE,
    &files::MOVED,
    &bill_batches::BILL,
];

/// What holds data: its template says Retain of all of these, and of the key that seals.
const KEPT_RESOURCES: [&str; 15] = [
    "JobsTable",
    "SubmissionsTable",
    "FilesTable",
    "UploadsTable",
    "BatchesTable",
    "ReceiversTable",
    "NoticesTable",
    "ClassesTable",
    "KeysTable",
    "UsageTable",
    "CredentialsTable",
    "ChunksTable",
    "Bucket",
    "SoonQueue",
    "NightlyQueue",
];

pub(crate) static KEPT: Fact = Fact::new(|| Box::pin(kept()));
pub(crate) static AUDITED: Fact = Fact::new(|| Box::pin(audited()));
pub(crate) static TAKEN_DOWN: Fact = Fact::new(|| Box::pin(taken_down()));

#[test]
fn a_second_deploy_keeps_jobs_keys_and_batches_and_lists_jobs_with_the_index() {
    KEPT.holds();
}

#[test]
fn the_audit_of_the_whole_run_finds_nothing() {
    AUDITED.holds();
}

#[test]
fn what_is_left_after_the_stack_is_what_holds_data() {
    TAKEN_DOWN.holds();
}

/// Has a question accepted, to be fetched later.
pub(super) async fn accepted(http: &Http, text: &str) -> Answer {
    let answer = http.post(CHAT, &chat(text)).header("prefer", "respond-async").send().await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer
}

/// Has a job end, and fetches its answer.
pub(super) async fn is_answered(world: &World, http: &Http, job: &Answer, text: &str) {
    world.tick_until_done(http, job.job()).await;
    http.get(&format!("/v1/jobs/{}/result", job.job())).send().await.echoes(text);
}

/// What did not hold of all that is found out before the stack is taken down.
pub(super) async fn broken() -> Vec<String> {
    let mut broken = Vec::new();
    for fact in FIRST.into_iter().chain([
        &KEPT,
        &inbox::GIVEN,
        &passthrough::PASSED_THROUGH,
        &webhooks::TOLD,
        &fleet::WORKED,
        &live::CALLED,
        &AUDITED,
    ]) {
        broken.extend(fact.outcome().await.err());
    }
    broken
}

async fn kept() {
    let world = World::get().await;
    super::all(&FIRST).await;
    let _alone = world.quiet().await;
    let http = world.tenant("kept").await;
    let job = accepted(&http, "kept").await;
    let batch = batches::is_under_way(world, &http).await;
    let stack = world.redeploy(&[("JobIndex", "true"), ("Inbox", "true")]).await;
    assert_eq!(stack.outputs, world.stack.outputs);
    is_answered(world, &http, &job, "kept").await;
    batches::is_brought_home(world, &http, &batch).await;
    are_listed(world, &http).await;
}

/// The listing has jobs that were accepted since there is an index, the newest first: a row gets the index's key when it
/// is written, so those from before are in no listing.
async fn are_listed(world: &World, http: &Http) {
    // An environment of the deployment before may still serve: it lists nothing, and its rows would not be listed.
    until_ok("a listing", PATIENCE, async || {
        let answer = http.get("/v1/jobs").send().await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    let (first, second) = (accepted(http, "listed").await, accepted(http, "listed too").await);
    // An index follows its table with a delay.
    until_ok("both jobs in the listing", PATIENCE, async || {
        let listed = http.json("/v1/jobs").await;
        let jobs = listed["data"].as_array().expect("a list");
        let ids: Vec<&str> = jobs.iter().filter_map(|job| job["id"].as_str()).collect();
        if ids == [second.job(), first.job()] { Ok(()) } else { Err(listed.to_string()) }
    })
    .await;
    for job in [first, second] {
        world.tick_until_done(http, job.job()).await;
    }
}

async fn audited() {
    let world = World::get().await;
    super::all(&[&passthrough::PASSED_THROUGH, &webhooks::TOLD, &fleet::WORKED, &live::CALLED]).await;
    let status = world.operator(&json!({"command": "status"})).await;
    assert!(status["jobs"]["done"].as_u64().is_some_and(|done| done >= 700), "{status}");
    let audit = world.operator(&json!({"command": "audit"})).await;
    assert_eq!(audit["violations"], json!([]), "{audit}");
    println!("status {status}\naudit {audit}");
    let counts = world.upstream.counts();
    assert_eq!((counts.paid_twice, counts.mixed_model_batches), (0, 0), "{:?}", counts.paid_twice_ids);
    assert_eq!(world.failed_ticks(), Vec::<Value>::new());
}

async fn taken_down() {
    let world = World::get().await;
    super::all(&[&privileges::LEAST, &AUDITED]).await;
    let _alone = world.quiet().await;
    world.aws.delete_stack(&world.stack.name).await;
    let left = left(&world.aws, &world.stack.name).await;
    println!("left after the stack: {left:#?}");
    let last = webhooks::STACK.lock().clone().expect("the stack as it was deployed last");
    let mut wanted: Vec<&str> = KEPT_RESOURCES.iter().map(|logical| last.physical(logical)).collect();
    // A queue is known by its address.
    for name in &mut wanted {
        *name = name.rsplit('/').next().unwrap_or(name);
    }
    wanted.sort_unstable();
    assert_eq!(left, wanted);
    let key = json!({"KeyId": *passthrough::SEALING_KEY.lock()});
    let told = world.aws.json("TrentService.DescribeKey", &key).await;
    assert_eq!(told["KeyMetadata"]["KeyState"], "Enabled", "{told}");
    let jobs = world.aws.items(world.stack.physical("JobsTable")).await;
    assert!(jobs.len() >= 700, "{} jobs", jobs.len());
}
