//! `offpeak batch submit` makes one batch of one input, however often it is run and wherever it is killed.

use std::process::Command;
use std::time::Duration;

use offpeak_tests::batches::input;
use offpeak_tests::{BatchClient, Gateway, Http, Meddler, Meddling, PATIENCE, Upstream, until};

const COUNT: usize = 40;

/// The ids of all batches of a server, the newest first.
async fn batches(http: &Http) -> Vec<String> {
    let listed = http.json("/v1/batches?limit=100").await;
    listed["data"].as_array().unwrap().iter().map(|batch| batch["id"].as_str().unwrap().to_owned()).collect()
}

/// Runs the command to its end; the batch that it was about.
async fn submitted(client: &BatchClient, arguments: &[&str]) -> String {
    let done = client.submit(arguments).await;
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    assert_eq!(client.lines("in.output.jsonl").len(), COUNT);
    done.out.trim().to_owned()
}

/// What lies under `files`: inputs that were stored.
async fn inputs(http: &Http) -> usize {
    http.json("/v1/files?purpose=batch").await["data"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_killed_while_it_waits_joins_its_batch() {
    let upstream = Upstream::slow(Duration::from_secs(1)).await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    client.input(&input("line", COUNT, &["gpt-a"]));
    let mut submitting = client.submitting(&[]);
    let batch = client.noted().await;
    submitting.kill();
    assert_eq!(submitted(&client, &[]).await, batch);
    // And once more when all is done.
    assert_eq!(submitted(&client, &[]).await, batch);
    assert_eq!((batches(&gateway.http).await, inputs(&gateway.http).await), (vec![batch], 1));
    let counts = upstream.counts();
    assert_eq!((counts.batches_created, counts.lines_run, counts.paid_twice), (1, COUNT as u64, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_client_says_that_its_batch_goes_on() {
    let upstream = Upstream::slow(Duration::from_secs(1)).await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    client.input(&input("line", COUNT, &["gpt-a"]));
    let mut submitting = client.submitting(&[]);
    until("a client that waits", PATIENCE, async || submitting.log().contains("in_progress").then_some(())).await;
    let id = submitting.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let ended = submitting.end_within(PATIENCE).await;
    assert_eq!(ended.code(), Some(130), "{}", submitting.log());
    assert!(submitting.log().contains("goes on, and the same command without --new joins it"), "{}", submitting.log());
    submitted(&client, &[]).await;
    assert_eq!(upstream.counts().lines_run, COUNT as u64);
}

/// A client killed after the create took effect, before it could note the batch; then the same command again. The list of
/// batches may lag, so that nothing is found in it.
async fn killed_between(server: &str, key: Option<&str>, lags: bool) -> String {
    let between = Meddler::before(server).await;
    between.meddle("GET /v1/batches", usize::from(lags) * 10, Meddling::NothingListed);
    between.meddle("POST /v1/batches", 1, Meddling::ReplyHeld);
    let client = BatchClient::of(between.url());
    let client = if let Some(key) = key { client.with_key(key) } else { client };
    client.input(&input("line", COUNT, &["gpt-a"]));
    let mut submitting = client.submitting(&[]);
    between.holds().await;
    submitting.kill();
    assert!(client.state().unwrap()["batch_id"].is_null());
    submitted(&client, &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_killed_before_it_notes_its_batch_makes_no_second_one() {
    for lags in [false, true] {
        let upstream = Upstream::sound().await;
        let gateway = Gateway::before(&upstream).start().await;
        let batch = killed_between(&gateway.base_url(), None, lags).await;
        assert_eq!((batches(&gateway.http).await, inputs(&gateway.http).await), (vec![batch], 1));
        assert_eq!(upstream.counts().lines_run, COUNT as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_it_where_the_server_knows_no_idempotency_key() {
    let upstream = Upstream::sound().await;
    killed_between(upstream.url(), Some("sk-own"), false).await;
    let counts = upstream.counts();
    assert_eq!((counts.batches_created, counts.files_uploaded, counts.paid_twice), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_of_create_makes_no_second_batch() {
    for lost in [Meddling::ReplyLost, Meddling::Cut] {
        let upstream = Upstream::sound().await;
        let gateway = Gateway::before(&upstream).start().await;
        for server in [&gateway.base_url(), upstream.url()] {
            let between = Meddler::before(server).await;
            between.meddle("POST /v1/batches", 2, lost);
            let client = BatchClient::of(between.url()).with_key("sk-own");
            client.input(&input("line", COUNT, &["gpt-a"]));
            submitted(&client, &[]).await;
        }
        assert_eq!(upstream.counts().batches_created, 2, "one of the gateway's and one of the client's: {lost:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_at_once_share_a_batch() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    client.input(&input("line", COUNT, &["gpt-a"]));
    let (one, other) = tokio::join!(submitted(&client, &[]), submitted(&client, &[]));
    assert_eq!(one, other);
    assert_eq!((batches(&gateway.http).await.len(), inputs(&gateway.http).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_input_other_options_and_a_wish_make_another_batch() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    client.input(&input("line", COUNT, &["gpt-a"]));
    let mut made = vec![submitted(&client, &[]).await, submitted(&client, &["--metadata", "night=2"]).await];
    made.push(submitted(&client, &["--metadata", "night=2", "--new"]).await);
    client.input(&input("other line", COUNT, &["gpt-a"]));
    let done = client.submit(&["--metadata", "night=2"]).await;
    assert!(done.err.contains(&format!("in.jsonl.offpeak.json named {}", made[2])), "{done:?}");
    made.push(done.out.trim().to_owned());
    let between = Meddler::before(&gateway.base_url()).await;
    let client = client.at(between.url());
    made.push(submitted(&client, &["--metadata", "night=2"]).await);
    made.sort();
    made.dedup();
    assert_eq!((made.len(), batches(&gateway.http).await.len()), (5, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_gone_is_said_to_be() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    client.input(&input("line", COUNT, &["gpt-a"]));
    submitted(&client, &[]).await;
    let path = client.home.join("in.jsonl.offpeak.json");
    let state = std::fs::read_to_string(&path).unwrap();
    let batch = client.state().unwrap()["batch_id"].as_str().unwrap().to_owned();
    std::fs::write(&path, state.replace(&batch, "batch_0")).unwrap();
    let lost = client.submit(&[]).await;
    assert_eq!(lost.code, Some(1));
    assert!(lost.err.contains("No batch found with id 'batch_0'") && lost.err.contains("--new"), "{lost:?}");
    std::fs::write(&path, "something else").unwrap();
    let odd = client.submit(&[]).await;
    assert_eq!(odd.code, Some(1));
    assert!(odd.err.contains("is no state of a batch; move it away"), "{odd:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_that_changes_while_it_is_sent_is_not_run() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let between = Meddler::before(&gateway.base_url()).await;
    between.meddle("POST /v1/files", 1, Meddling::ReplyHeld);
    let client = BatchClient::of(between.url());
    client.input(&input("line", COUNT, &["gpt-a"]));
    let mut submitting = client.submitting(&[]);
    between.holds().await;
    client.input(&input("else", COUNT, &["gpt-a"]));
    between.release();
    let ended = submitting.end_within(PATIENCE).await;
    assert_eq!(ended.code(), Some(1), "{}", submitting.log());
    assert!(submitting.log().contains("was changed while it was sent; nothing was run"), "{}", submitting.log());
    assert_eq!((batches(&gateway.http).await.len(), inputs(&gateway.http).await), (0, 0));
}
