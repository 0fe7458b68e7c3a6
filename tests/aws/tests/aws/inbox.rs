//! What is dropped into the bucket: taken by the poller's ticks, run, and given to the outbox.

use offpeak_tests::batches::{conserved, input, show};
use offpeak_tests::{Http, until_ok};
use offpeak_tests_aws::{Fact, LONG, World};
use serde_json::{Value, json};

use super::batches::poll;
use super::upgrade;

const COUNT: usize = 30;

pub(crate) static GIVEN: Fact = Fact::new(|| Box::pin(given()));

#[test]
fn what_is_dropped_into_the_bucket_comes_back_in_the_outbox() {
    GIVEN.holds();
}

/// Ticks of the poller, and of nothing else, until there is a summary.
async fn told(world: &World, bucket: &str, folder: &str) -> Value {
    let path = format!("/{bucket}/outbox/{folder}/summary.json");
    let text = until_ok(&path, LONG, async || {
        poll(world).await;
        world.aws.object(&path).await.ok_or_else(|| "nothing".to_owned())
    })
    .await;
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{error} in {path}"))
}

/// What was given is what the API says of the batch.
async fn agrees(world: &World, bucket: &str, http: &Http, told: &Value) {
    assert_eq!((&told["status"], &told["output"]["name"]), (&json!("completed"), &json!("output.jsonl")), "{told}");
    let shown = show(http, told["batch_id"].as_str().expect("an id")).await.expect("the batch");
    assert_eq!(conserved(http, &shown, "dropped", COUNT).await, COUNT);
    let file = shown["output_file_id"].as_str().expect("a file");
    let content = offpeak_tests::batches::content(http, file).await;
    let given = world.aws.object(&format!("/{bucket}/outbox/dropped/night%20one/output.jsonl")).await;
    assert_eq!(given.as_deref(), Some(&content.body[..]));
}

async fn given() {
    let world = World::get().await;
    super::all(&[&upgrade::KEPT]).await;
    let _alone = world.quiet().await;
    let (bucket, http) = (world.stack.physical("Bucket"), world.tenant("dropped").await);
    are_dropped(world, bucket).await;
    let odd = told(world, bucket, "dropped/odd").await;
    assert_eq!((&odd["status"], &odd["errors"][0]["line"]), (&json!("failed"), &json!(1)), "{odd}");
    let done = told(world, bucket, "dropped/night%20one").await;
    agrees(world, bucket, &http, &done).await;
    let listed = http.json("/v1/batches").await;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(2), "each was taken once: {listed}");
    is_tidy(world, bucket).await;
}

/// What can run, what cannot, what is nobody's, and what has not come whole.
async fn are_dropped(world: &World, bucket: &str) {
    let text = input("dropped", COUNT, &["gpt-4.1-mini", "gpt-5-mini"]);
    let drops = [
        ("dropped/night%20one.jsonl", text.as_str()),
        ("dropped/odd.jsonl", "no json\n"),
        ("nobody.jsonl", "{}\n"),
        ("dropped/later.jsonl.part", "{}\n"),
    ];
    for (path, content) in drops {
        world.aws.put_object(&format!("/{bucket}/inbox/{path}"), content.to_owned()).await;
    }
}

/// Only what has not come whole is left, and what is nobody's lies in the outbox.
async fn is_tidy(world: &World, bucket: &str) {
    let objects = world.aws.objects_under(bucket, "inbox/").await;
    assert_eq!(objects, ["inbox/dropped/later.jsonl.part"]);
    let refused = world.aws.objects_under(bucket, "outbox/nobody").await;
    assert_eq!(refused.len(), 2, "the note and what was dropped: {refused:?}");
}
