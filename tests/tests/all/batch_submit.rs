//! `offpeak batch submit --wait`: a file becomes results on the disk, whatever the server does meanwhile.

use std::path::Path;
use std::time::Duration;

use offpeak_simulator::Faults;
use offpeak_tests::batches::{input, show};
use offpeak_tests::{BatchClient, Gateway, Meddler, Meddling, Output, Upstream, echoed, until};
use serde_json::{Value, json};

/// The lines of a file are the answers to these questions, each once; says how many there are.
fn answers(client: &BatchClient, file: &str) -> usize {
    let lines = client.lines(file);
    let mut numbers: Vec<usize> = lines.iter().map(answered).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), lines.len(), "no line twice");
    lines.len()
}

/// The number of the question that a line answers, as its name has it.
fn answered(line: &Value) -> usize {
    let number = line["custom_id"].as_str().unwrap().strip_prefix("line ").unwrap();
    let body = line["response"]["body"].to_string();
    assert_eq!(echoed(body.as_bytes()).as_deref(), Some(&*format!("question {number}")), "{line}");
    number.parse().unwrap()
}

fn code(output: &Output, code: i32) {
    assert_eq!(output.code, Some(code), "{}{}", output.out, output.err);
}

/// What a run leaves beside its files: no half of anything.
fn left_no_parts(client: &BatchClient) {
    let parts = client.home.files("").into_iter().filter(|path| path.extension().is_some_and(|end| end == "part"));
    assert_eq!(parts.collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_run_and_its_results_are_those_of_the_server() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    client.input(&input("line", 300, &["gpt-a", "gpt-b"]));
    let done = client.submit(&["--metadata", "team=night", "--metadata", "a=b=c"]).await;
    code(&done, 0);
    assert_eq!(answers(&client, "in.output.jsonl"), 300);
    assert!(!client.home.join("in.errors.jsonl").exists());
    let batch = show(&gateway.http, done.out.trim()).await.unwrap();
    assert_eq!(batch["metadata"], json!({"team": "night", "a": "b=c"}));
    let file = batch["output_file_id"].as_str().unwrap();
    let content = offpeak_tests::batches::content(&gateway.http, file).await;
    assert_eq!(std::fs::read(client.home.join("in.output.jsonl")).unwrap(), content.body);
    assert!(
        done.err.contains("300 of 300 done, 0 failed") && done.err.contains("300 succeeded: in.output.jsonl"),
        "{done:?}"
    );
    assert!(done.err.lines().count() < 20, "{}", done.err);
    left_no_parts(&client);
    assert_eq!(upstream.counts().lines_run, 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_go_where_they_are_wanted() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    client.input(&input("line", 3, &["gpt-a"]));
    for (output, file) in [("made/for/it/", "made/for/it/in.output.jsonl"), ("some.jsonl", "some.jsonl")] {
        code(&client.submit(&["--output", output]).await, 0);
        assert_eq!(answers(&client, file), 3);
    }
    let refused = client.submit(&["--output", "./in.jsonl"]).await;
    code(&refused, 1);
    assert!(refused.err.contains("overwrite the input"), "{refused:?}");
    assert_eq!(upstream.counts().lines_run, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_fail_are_in_the_error_file_and_in_the_exit_code() {
    let faults = Faults { line_fail_rate: 0.2, ..Faults::default() };
    let upstream = Upstream::with(faults).await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    client.input(&input("line", 200, &["gpt-a"]));
    let done = client.submit(&[]).await;
    code(&done, 2);
    let (succeeded, errors) = (answers(&client, "in.output.jsonl"), client.lines("in.errors.jsonl"));
    assert!(!errors.is_empty() && errors.iter().all(|line| line["response"]["status_code"] == 400), "{errors:?}");
    assert_eq!(succeeded + errors.len(), 200);
    // Another run without a failure leaves no lines of this one behind.
    upstream.fails_with(Faults::default());
    code(&client.submit(&["--new"]).await, 0);
    assert_eq!((answers(&client, "in.output.jsonl"), client.home.join("in.errors.jsonl").exists()), (200, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_that_is_refused_fails_with_the_servers_errors() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    let sound = input("line", 1, &["gpt-a"]);
    client.input(&format!("{sound}{{\"custom_id\":\"b\"}}\n{sound}"));
    client.home.write("in.output.jsonl", "yesterday's\n");
    let failed = client.submit(&[]).await;
    code(&failed, 3);
    for told in
        ["line 2: missing_required_parameter: Missing required parameter: 'method'.", "line 3: duplicate_custom_id: "]
    {
        assert!(failed.err.lines().any(|line| line.starts_with(told)), "{failed:?}");
    }
    assert_eq!(std::fs::read_to_string(client.home.join("in.output.jsonl")).unwrap(), "yesterday's\n");
    assert_eq!(upstream.counts().batches_created, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_batch_is_no_success_and_what_it_finished_is_kept() {
    let upstream = Upstream::with(Faults { expire_batches: 1, shuffle: false, ..Faults::default() }).await;
    // The provider itself: a gateway would run the rest again.
    let client = BatchClient::of(upstream.url()).with_key("sk-own");
    client.input(&input("line", 10, &["gpt-a"]));
    code(&client.submit(&[]).await, 3);
    assert_eq!((answers(&client, "in.output.jsonl"), client.lines("in.errors.jsonl").len()), (5, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_input_goes_in_parts() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let between = Meddler::before(&gateway.base_url()).await;
    for (call, meddling) in [
        ("POST /v1/uploads", Meddling::ReplyLost),
        ("POST /v1/uploads/*/parts", Meddling::ReplyLost),
        ("POST /v1/uploads/*/parts", Meddling::Refused(503)),
        ("POST /v1/uploads/*/complete", Meddling::ReplyLost),
    ] {
        between.meddle(call, 1, meddling);
    }
    let client = BatchClient::of(between.url());
    let bytes = client.input(&input("line", 200, &["gpt-a"])).metadata().unwrap().len();
    code(&client.submit(&["--part-size", "8KiB"]).await, 0);
    assert_eq!(answers(&client, "in.output.jsonl"), 200);
    let parts = between.seen("POST /v1/uploads/*/parts").len() as u64;
    assert_eq!(parts, bytes.div_ceil(8 << 10) + 2);
    assert_eq!(between.seen("POST /v1/files").len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_call_may_not_carry_goes_in_parts_by_itself() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).config("[server]\nmax_file_bytes = 1_000_000\n").start().await;
    let client = BatchClient::of(&gateway.base_url());
    let long = "x".repeat(50_000);
    let lines: Vec<String> = (0..100)
        .map(|number| {
            json!({"custom_id": format!("{number}"), "method": "POST", "url": "/v1/embeddings",
               "body": {"model": "gpt-a", "input": long}})
            .to_string()
        })
        .collect();
    client.input(&(lines.join("\n") + "\n"));
    let done = client.submit(&[]).await;
    code(&done, 0);
    assert!(done.err.contains("in parts"), "{done:?}");
    assert_eq!(client.lines("in.output.jsonl").len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_unavailable_for_a_while_is_waited_for() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let between = Meddler::before(&gateway.base_url()).await;
    let calls =
        ["POST /v1/files", "POST /v1/batches", "GET /v1/batches", "GET /v1/batches/*", "GET /v1/files/*/content"];
    for call in calls {
        for meddling in [Meddling::Refused(503), Meddling::Refused(429), Meddling::ReplyLost] {
            between.meddle(call, 1, meddling);
        }
    }
    let client = BatchClient::of(between.url());
    client.input(&input("line", 50, &["gpt-a"]));
    let done = client.submit(&[]).await;
    code(&done, 0);
    assert_eq!(answers(&client, "in.output.jsonl"), 50);
    assert!(done.err.contains("creating the batch: Not now. (503 meddled); trying again"), "{done:?}");
    assert_eq!(upstream.counts().lines_run, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_gateway_is_waited_for() {
    let upstream = Upstream::slow(Duration::from_secs(1)).await;
    let mut gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    client.input(&input("line", 50, &["gpt-a"]));
    let mut submitting = client.submitting(&[]);
    upstream.created(1).await;
    gateway.kill();
    until("a client that notices", offpeak_tests::PATIENCE, async || {
        submitting.log().contains("; trying again").then_some(())
    })
    .await;
    gateway.start().await;
    let ended = submitting.end_within(offpeak_tests::PATIENCE).await;
    assert_eq!(ended.code(), Some(0), "{}", submitting.log());
    assert_eq!(answers(&client, "in.output.jsonl"), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_is_cut_goes_on_where_it_was_cut() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let between = Meddler::before(&gateway.base_url()).await;
    between.meddle("GET /v1/files/*/content", 2, Meddling::Cut);
    let client = BatchClient::of(between.url());
    client.input(&input("line", 100, &["gpt-a"]));
    code(&client.submit(&[]).await, 0);
    assert_eq!(answers(&client, "in.output.jsonl"), 100);
    let bytes = Path::new(&client.home.join("in.output.jsonl")).metadata().unwrap().len();
    let ranges: Vec<String> = between
        .seen("GET /v1/files/*/content")
        .iter()
        .map(|call| call.headers.get("range").map_or_else(String::new, |range| range.to_str().unwrap().to_owned()))
        .collect();
    let (half, rest) = (bytes / 2, bytes - bytes / 2);
    assert_eq!(ranges, [String::new(), format!("bytes={half}-"), format!("bytes={}-", half + rest / 2)]);
    left_no_parts(&client);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_ranges_a_download_that_is_cut_begins_again() {
    let faults = Faults { download_truncate: 1, download_short: 1, ..Faults::default() };
    let upstream = Upstream::with(faults).await;
    let client = BatchClient::of(upstream.url()).with_key("sk-own");
    client.input(&input("line", 100, &["gpt-a"]));
    code(&client.submit(&[]).await, 0);
    assert_eq!(answers(&client, "in.output.jsonl"), 100);
    left_no_parts(&client);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_cannot_be_completed_leaves_what_was_there() {
    let upstream = Upstream::with(Faults { download_truncate: 1_000, ..Faults::default() }).await;
    let client = BatchClient::of(upstream.url()).with_key("sk-own");
    client.input(&input("line", 100, &["gpt-a"]));
    client.home.write("in.output.jsonl", "yesterday's\n");
    let cut = client.submit(&["--retry-for", "1s"]).await;
    code(&cut, 1);
    assert_eq!(std::fs::read_to_string(client.home.join("in.output.jsonl")).unwrap(), "yesterday's\n");
    left_no_parts(&client);
    upstream.fails_with(Faults::default());
    code(&client.submit(&[]).await, 0);
    assert_eq!((answers(&client, "in.output.jsonl"), upstream.counts().batches_created), (100, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_refused_is_not_shown() {
    const KEY: &str = "sk-canary-batch-77aa";
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).auth("keys").start().await;
    let stranger = BatchClient::of(&gateway.base_url()).with_key(KEY);
    stranger.input(&input("line", 3, &["gpt-a"]));
    let refused = stranger.submit(&["--log", "trace"]).await;
    code(&refused, 1);
    assert!(refused.err.contains("Incorrect API key provided. (401 invalid_api_key)"), "{refused:?}");
    assert!(!refused.err.contains(KEY) && !refused.out.contains(KEY), "{refused:?}");
    let key = gateway.key_of("acme").await;
    let mut known = stranger.command(&["submit", "in.jsonl", "--wait", "--poll-interval", "50ms", "--log", "trace"]);
    known.env("MINE", &key).args(["--api-key-env", "MINE"]);
    let done = offpeak_tests::run(known).await;
    code(&done, 0);
    assert!(!done.err.contains(&key), "{done:?}");
    assert_eq!(answers(&stranger, "in.output.jsonl"), 3);
    for secret in [KEY, &key] {
        assert_eq!(stranger.home.files_with("", secret), Vec::<std::path::PathBuf>::new());
    }
}
