//! `offpeak batch list`, `show`, `results`, `cancel` and `retry`, at a gateway and at what is none.

use std::time::Duration;

use offpeak_simulator::Faults;
use offpeak_tests::batches::{comes_to, input};
use offpeak_tests::{BatchClient, Gateway, Output, PATIENCE, Process, Upstream, until};
use serde_json::Value;

fn succeeded(output: &Output) -> &str {
    assert_eq!(output.code, Some(0), "{}{}", output.out, output.err);
    output.out.trim()
}

/// Submits so many lines without waiting; the batch.
async fn begun(client: &BatchClient, count: usize) -> String {
    client.input(&input("line", count, &["gpt-a"]));
    succeeded(&client.run(&["submit", "in.jsonl", "--new"]).await).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_are_listed_and_shown() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    let mut made = Vec::new();
    for _ in 0..3 {
        made.insert(0, begun(&client, 2).await);
        comes_to(&gateway.http, &made[0], &["completed"]).await;
    }
    let listed = client.run(&["list", "--limit", "2"]).await;
    let rows: Vec<&str> = succeeded(&listed).lines().collect();
    assert_eq!(rows.len(), 3, "{listed:?}");
    for (row, batch) in rows[1..].iter().zip(&made) {
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(words[..5], [batch, "completed", "2", "0", "2"], "{row}");
        assert_eq!(words[6], "/v1/chat/completions", "{row}");
    }
    let json: Value = serde_json::from_str(succeeded(&client.run(&["list", "--json"]).await)).unwrap();
    let ids: Vec<&str> = json.as_array().unwrap().iter().map(|batch| batch["id"].as_str().unwrap()).collect();
    assert_eq!(ids, made);
    let shown = client.run(&["show", &made[0]]).await;
    for row in ["status    completed", "lines     2 of 2 succeeded, 0 failed", "model     gpt-a"] {
        assert!(succeeded(&shown).lines().any(|line| line == row), "{shown:?}");
    }
    let json: Value = serde_json::from_str(succeeded(&client.run(&["show", &made[1], "--json"]).await)).unwrap();
    assert_eq!(json, gateway.http.json(&format!("/v1/batches/{}", made[1])).await);
    let none = client.run(&["show", "batch_0"]).await;
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains("No batch found with id 'batch_0'. (404)"), "{none:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_cancelled_and_whoever_waits_for_it_is_told() {
    let upstream = Upstream::with(Faults { stuck_batches: 1, ..Faults::default() }).await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    client.input(&input("line", 5, &["gpt-a"]));
    let mut submitting = client.submitting(&[]);
    upstream.created(1).await;
    let batch = client.noted().await;
    let cancelled = client.run(&["cancel", &batch]).await;
    assert!(succeeded(&cancelled).starts_with(&format!("{batch} cancel")), "{cancelled:?}");
    let ended = submitting.end_within(PATIENCE).await;
    assert_eq!(ended.code(), Some(3), "{}", submitting.log());
    let lines = client.lines("in.output.jsonl").len() + client.lines("in.errors.jsonl").len();
    assert_eq!(lines, 5);
    let done = begun(&client, 1).await;
    comes_to(&gateway.http, &done, &["completed"]).await;
    let late = client.run(&["cancel", &done]).await;
    assert_eq!(late.code, Some(1));
    assert!(late.err.contains("Cannot cancel a batch with status 'completed'. (409)"), "{late:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_run_again_once() {
    let upstream = Upstream::with(Faults { line_fail_rate: 0.3, ..Faults::default() }).await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    client.input(&input("line", 60, &["gpt-a"]));
    let first = client.submit(&[]).await;
    assert_eq!(first.code, Some(2), "{first:?}");
    let (batch, failed) = (first.out.trim(), client.lines("in.errors.jsonl").len());
    upstream.fails_with(Faults::default());
    let wait = ["--wait", "--poll-interval", "50ms", "--output", "again.jsonl"];
    let retry = client.run(&[&["retry", batch][..], &wait].concat()).await;
    let again = succeeded(&retry).to_owned();
    assert_eq!(client.lines("again.jsonl").len(), failed);
    assert_eq!(succeeded(&client.run(&["retry", batch]).await), again, "a repeat joins");
    let nothing = client.run(&["retry", &again]).await;
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.err.contains("(409 nothing_to_retry)"), "{nothing:?}");
    assert_eq!(upstream.counts().lines_run, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_come_while_a_batch_runs() {
    let upstream = Upstream::slow(Duration::from_millis(200)).await;
    let gateway = Gateway::before(&upstream).provider("max_requests = 20\n").start().await;
    let client = BatchClient::of(&gateway.base_url());
    // The second batch at the provider never ends, until everything is cancelled.
    let batch = begun(&client, 20).await;
    comes_to(&gateway.http, &batch, &["completed"]).await;
    upstream.fails_with(Faults { stuck_batches: 1, ..Faults::default() });
    let batch = begun(&client, 40).await;
    let follow = client.command(&["results", &batch, "--follow", "--output", "f.jsonl", "--poll-interval", "50ms"]);
    let mut following = Process::start(follow, &client.home.join("log"));
    until("half of the lines", PATIENCE, async || (client.lines("f.jsonl").len() == 20).then_some(())).await;
    assert_eq!(following.ended(), None, "the batch runs");
    let now = client.run(&["results", &batch]).await;
    assert_eq!(succeeded(&now).lines().count(), 20);
    succeeded(&client.run(&["cancel", &batch]).await);
    let ended = following.end_within(PATIENCE).await;
    assert_eq!(ended.code(), Some(0), "{}", following.log());
    let shown = comes_to(&gateway.http, &batch, &["cancelled"]).await;
    let counts = &shown["request_counts"];
    let answered = client.lines("f.jsonl");
    assert!(answered.iter().all(|line| line["response"]["status_code"] == 200));
    assert_eq!(counts["completed"], answered.len());
    let told = format!("{} lines more, which nobody answered, are in the error file", 40 - answered.len());
    assert!(following.log().contains(&told), "{}", following.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_no_offpeak_gives_results_at_the_end_and_runs_nothing_again() {
    let upstream = Upstream::with(Faults { stuck_batches: 1, line_fail_rate: 0.5, ..Faults::default() }).await;
    let client = BatchClient::of(upstream.url()).with_key("sk-own");
    let stuck = begun(&client, 10).await;
    comes_to(
        &offpeak_tests::Http::to(upstream.url().trim_end_matches("/v1")).with_key("sk-own"),
        &stuck,
        &["in_progress"],
    )
    .await;
    let early = client.run(&["results", &stuck]).await;
    assert_eq!(early.code, Some(1));
    assert!(early.err.contains("only when a batch has ended") && early.err.contains("'in_progress'"), "{early:?}");
    let batch = begun(&client, 10).await;
    let results = client.run(&["results", &batch, "--follow", "--poll-interval", "50ms"]).await;
    assert_eq!(succeeded(&results).lines().count(), 10);
    let filed = client.run(&["results", &batch, "--output", "out.jsonl"]).await;
    succeeded(&filed);
    assert_eq!(client.lines("out.jsonl").len() + client.lines("out.errors.jsonl").len(), 10);
    let retry = client.run(&["retry", &batch]).await;
    assert_eq!(retry.code, Some(1));
    assert!(retry.err.contains("only an Offpeak can"), "{retry:?}");
}

#[tokio::test]
async fn without_a_server_a_command_gives_up() {
    let client = BatchClient::of(&format!("http://127.0.0.1:{}/v1", offpeak_tests::free_port()));
    let listed = client.run(&["list", "--retry-for", "100ms"]).await;
    assert_eq!(listed.code, Some(1));
    assert!(listed.err.contains("could not connect"), "{listed:?}");
}
