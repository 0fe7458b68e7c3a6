//! Who is told of what ends: receivers by signed webhooks, the operator's bus by events.

use futures_util::future::join_all;
use hyper::StatusCode;
use offpeak_tests::batches::{PATIENCE, create, input, store};
use offpeak_tests::{Http, Program, Recorded, Recorder, chat, until, until_ok};
use offpeak_tests_aws::{Fact, Function, LONG, Stack, World};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::passthrough::PASSED_THROUGH;

/// The deployment in which callers and the bus are told, and models may run on own servers or be called live. The key that
/// sealed before seals what it is told with, too.
pub(crate) const TELLING: [(&str, &str); 7] = [
    ("JobIndex", "true"),
    ("FrontDoor", "function-url"),
    ("KeepSealingKey", "true"),
    ("Webhooks", "true"),
    ("EventBus", "default"),
    ("Fleet", "workers"),
    ("Live", "true"),
];

/// The stack as it was deployed so.
pub(crate) static STACK: Mutex<Option<Stack>> = Mutex::new(None);

pub(crate) static TOLD: Fact = Fact::new(|| Box::pin(told()));

const ENDPOINTS: &str = "/v1/webhook_endpoints";
const EVENTS: [&str; 4] = ["batch.completed", "job.completed", "job.cancelled", "job.expired"];

#[test]
fn receivers_and_the_bus_are_told_of_every_end() {
    TOLD.holds();
}

async fn told() {
    let world = World::get().await;
    super::all(&[&PASSED_THROUGH]).await;
    let stack = STACK.lock().clone().expect("a stack that tells");
    let quiet = world.quiet().await;
    let http = stack.http().with_key(world.key_of("told").await);
    every_end_is_told(world, &stack, &http).await;
    is_given_up_and_sent_again(world, &stack, &http).await;
    drop(quiet);
    let _turn = world.busy().await;
    tokio::select! {
        () = told_by_sdks(world, &stack) => {}
        () = ticking(world, &stack) => unreachable!("it ticks for ever"),
    }
}

/// Programs that register themselves, each with a tenant of its own.
async fn told_by_sdks(world: &World, stack: &Stack) {
    let serve = |(number, program): (usize, Program)| async move {
        let key = world.key_of(&format!("sdk-told-{number}")).await;
        program.is_served(&stack.base_url(), &key).await;
    };
    let scripts = [Program::at("examples/python/webhooks.py"), Program::node_7("webhooks")];
    join_all(scripts.into_iter().chain(Program::compiled("webhooks")).enumerate().map(serve)).await;
}

async fn every_end_is_told(world: &World, stack: &Stack, http: &Http) {
    let queue = listening_queue(world).await;
    let receiver = Recorder::answering("{}").await;
    let url = receiver.url().replace("/v1", "/hook");
    let made = http.post(ENDPOINTS, &json!({"name": "test", "url": url, "event_types": EVENTS})).send().await;
    assert_eq!(made.status, 200, "{made:?}");
    let ends =
        [batch(world, http).await, answered(world, http).await, cancelled(http).await, expired(world, http).await];
    let calls = until_ok("every end at the receiver", LONG, async || {
        notify(world, stack).await;
        let calls = receiver.calls("/hook");
        if calls.len() >= ends.len() { Ok(calls) } else { Err(format!("{calls:?}")) }
    })
    .await;
    let bodies: Vec<Value> = calls.iter().map(|call| serde_json::from_slice(&call.body).expect("JSON")).collect();
    for end in &ends {
        let of_it = bodies.iter().filter(|body| body["data"]["id"] == **end).count();
        assert_eq!(of_it, 1, "{end} among {bodies:?}");
    }
    let signed = |call: &Recorded| call.headers["webhook-signature"].to_str().is_ok_and(|text| text.starts_with("v1,"));
    assert!(calls.iter().all(signed));
    is_on_the_bus(world, &queue, &ends).await;
}

/// A tick of the notifier.
async fn notify(world: &World, stack: &Stack) {
    let end = world.aws.invoke(stack.function(Function::Notifier), &stack.event("notifier")).await;
    assert!(!end.failed, "{}", end.payload);
}

/// What the schedule of the notifier does; the crew does the others'.
async fn ticking(world: &World, stack: &Stack) {
    loop {
        notify(world, stack).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

async fn batch(world: &World, http: &Http) -> String {
    let file = store(http, &input("told", 3, &["gpt-4.1-mini"])).await.expect("a stored file");
    let batch = create(http, &file).await.expect("a batch");
    until("the end of a batch", PATIENCE, async || {
        world.tick().await;
        (http.json(&format!("/v1/batches/{batch}")).await["status"] == "completed").then_some(())
    })
    .await;
    batch
}

async fn accepted(http: &Http, text: &str, deadline: &str) -> String {
    let call = http.post("/v1/chat/completions", &chat(text)).header("prefer", "respond-async");
    let answer = call.header("x-offpeak-deadline", deadline).send().await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.job().to_owned()
}

async fn answered(world: &World, http: &Http) -> String {
    let job = accepted(http, "told", "1h").await;
    world.tick_until_done(http, &job).await;
    job
}

async fn cancelled(http: &Http) -> String {
    let job = accepted(http, "cancelled", "1h").await;
    let shown = http.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).send().await;
    assert_eq!(shown.json()["status"], "cancelled", "{shown:?}");
    job
}

/// Whom nobody asks after: the packer finds out.
async fn expired(world: &World, http: &Http) -> String {
    let job = accepted(http, "expired", "1s").await;
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let notices = async || world.aws.items(world.stack.physical("NoticesTable")).await;
    until_ok("an overdue job that the packer meets", LONG, async || {
        let ticks = world.tick().await;
        let rows = json!(notices().await).to_string();
        if rows.contains(&job) { Ok(()) } else { Err(ticks) }
    })
    .await;
    job
}

/// A queue that a rule of the bus fills with what is Offpeak's.
async fn listening_queue(world: &World) -> String {
    let queue = world.aws.json("AmazonSQS.CreateQueue", &json!({"QueueName": "heard-on-the-bus"})).await;
    let rule = json!({"Name": "heard", "EventPattern": json!({"source": ["offpeak"]}).to_string()});
    world.aws.json("AWSEvents.PutRule", &rule).await;
    let target = json!({"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:heard-on-the-bus"});
    world.aws.json("AWSEvents.PutTargets", &json!({"Rule": "heard", "Targets": [target]})).await;
    queue["QueueUrl"].as_str().expect("a queue").to_owned()
}

async fn is_on_the_bus(world: &World, queue: &str, ends: &[String]) {
    let mut heard = String::new();
    until_ok("every end on the bus", LONG, async || {
        let asked = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10});
        let received = world.aws.json("AmazonSQS.ReceiveMessage", &asked).await;
        for message in received["Messages"].as_array().into_iter().flatten() {
            heard.push_str(message["Body"].as_str().unwrap_or_default());
        }
        if ends.iter().all(|end| heard.contains(end)) { Ok(()) } else { Err(heard.clone()) }
    })
    .await;
    assert!(heard.contains("batch.completed") && heard.contains("job.expired"), "{heard}");
}

/// A receiver that is gone: what it is owed is dead, and goes out again once it is asked for.
async fn is_given_up_and_sent_again(world: &World, stack: &Stack, http: &Http) {
    let gone = Recorder::refusing(StatusCode::GONE).await;
    let url = gone.url().replace("/v1", "/gone");
    let about = json!({"name": "gone", "url": url, "event_types": ["job.cancelled"]});
    let made = http.post(ENDPOINTS, &about).send().await.json();
    let job = cancelled(http).await;
    let dead = until_ok("a dead letter", LONG, async || {
        notify(world, stack).await;
        let listed = http.json("/v1/webhook_deliveries").await;
        let first = listed["data"][0].clone();
        if first["object_id"] == job { Ok(first) } else { Err(listed.to_string()) }
    })
    .await;
    let endpoint = format!("{ENDPOINTS}/{}", made["id"].as_str().expect("an id"));
    assert!(http.json(&endpoint).await["disabled_at"].is_u64());
    let after = Recorder::answering("{}").await;
    let url = after.url().replace("/v1", "/gone");
    assert_eq!(http.post(&endpoint, &json!({"url": url})).send().await.status, 200);
    let replay = format!("/v1/webhook_deliveries/{}/replay", dead["id"].as_str().expect("an id"));
    assert_eq!(http.post(&replay, &json!({})).send().await.json()["status"], "pending");
    until_ok("what was dead at its receiver", LONG, async || {
        notify(world, stack).await;
        if after.calls("/gone").is_empty() { Err("nothing".to_owned()) } else { Ok(()) }
    })
    .await;
}
