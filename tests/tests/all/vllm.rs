//! A real vLLM as the engine of the fleet. Not in `make test`: `make test-vllm`.

use std::time::Instant;

use offpeak_tests::batches::{comes_to, create, lines, store};
use offpeak_tests::{Gateway, Http, PATIENCE, Upstream, Vllm, Working, until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const COUNT: usize = 2_000;

/// What vLLM says is random. How many tokens it says it in is not: each line asks for a number of its own kind.
const KINDS: usize = 13;

const FLEET: &str = "[[route]]\nmodel = \"tiny\"\nbackend = \"fleet\"\n[fleet]\nlease = \"10s\"\ncheckpoint = \"1s\"\n";

/// As many calls at once as the server takes (its `--max-num-seqs`).
const AT_ONCE: [&str; 4] = ["--concurrency", "64", "--max-concurrency", "64"];

/// The body of a request, and the words and tokens that its answer has.
fn question(number: usize) -> Value {
    json!({
        "model": "tiny", "max_tokens": tokens(number), "ignore_eos": true, "temperature": 0,
        "messages": [{"role": "user", "content": format!("Describe product {number}.")}],
    })
}

fn tokens(number: usize) -> usize {
    4 + number % KINDS
}

fn input(count: usize) -> String {
    (0..count).map(|number| line(&format!("line {number}"), &question(number))).collect()
}

fn line(id: &str, body: &Value) -> String {
    json!({"custom_id": id, "method": "POST", "url": "/v1/chat/completions", "body": body}).to_string() + "\n"
}

/// Each line has one answer, and it is its own.
async fn all_are_answered(http: &Http, batch: &str, count: usize) {
    let done = comes_to(http, batch, &["completed"]).await;
    assert_eq!(done["request_counts"], json!({"total": count, "completed": count, "failed": 0}));
    let found = lines(http, &done).await;
    assert_eq!(found.len(), count);
    for number in 0..count {
        let answer = &found[&format!("line {number}")].1["response"];
        assert_eq!((&answer["status_code"], &answer["body"]["model"]), (&json!(200), &json!("tiny")), "{answer}");
        assert_eq!(answer["body"]["usage"]["completion_tokens"], tokens(number), "line {number}: {answer}");
    }
}

/// What vLLM refuses is the line's answer, in OpenAI's shape; the others of its chunk are answered.
async fn refusals_are_told(http: &Http) {
    let mut odd = [question(0), question(1), question(2)];
    odd[0]["max_tokens"] = json!(5_000);
    odd[1]["messages"] = json!([7]);
    let lines_of = odd.iter().enumerate().map(|(number, body)| line(&format!("odd {number}"), body));
    let file = store(http, &lines_of.collect::<String>()).await.expect("a stored file");
    let batch = create(http, &file).await.expect("a batch");
    let done = comes_to(http, &batch, &["completed"]).await;
    assert_eq!(done["request_counts"], json!({"total": 3, "completed": 1, "failed": 2}));
    let found = lines(http, &done).await;
    for number in 0..2 {
        let answer = &found[&format!("odd {number}")].1["response"];
        let said = answer["body"]["error"]["message"].as_str();
        assert!(answer["status_code"] == 400 && said.is_some_and(|said| !said.is_empty()), "{answer}");
    }
}

async fn begun(http: &Http, count: usize) -> String {
    let file = store(http, &input(count)).await.expect("a stored file");
    create(http, &file).await.expect("a batch")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs vLLM: make test-vllm"]
async fn held_calls_and_a_batch_are_answered_by_vllm() {
    let (provider, vllm) = (Upstream::sound().await, Vllm::start().await);
    let gateway = Gateway::before(&provider).config(FLEET).start().await;
    let _worker = Working::start_at(&format!("http://{}", gateway.address()), &vllm.url(), &AT_ONCE);
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for number in 0..COUNT {
        let http = gateway.http.clone();
        callers.spawn(async move {
            let answer = http.post("/v1/chat/completions", &question(number)).send().await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.json()["usage"]["completion_tokens"], tokens(number), "{answer:?}");
        });
    }
    callers.join_all().await;
    println!("{COUNT} held calls answered in {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!(vllm.answered().await, COUNT as u64);
    let began = Instant::now();
    let batch = begun(&gateway.http, COUNT).await;
    all_are_answered(&gateway.http, &batch, COUNT).await;
    println!("a batch of {COUNT} lines answered in {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!(vllm.answered().await, 2 * COUNT as u64, "each line ran once");
    refusals_are_told(&gateway.http).await;
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs vLLM: make test-vllm"]
async fn a_vllm_that_is_killed_or_told_to_end_half_way_loses_no_line() {
    let (provider, mut vllm) = (Upstream::sound().await, Vllm::start().await);
    let gateway = Gateway::before(&provider).config(FLEET).start().await;
    let _worker = Working::start_at(&format!("http://{}", gateway.address()), &vllm.url(), &AT_ONCE);
    for signal in ["KILL", "TERM"] {
        let before = vllm.answered().await;
        let batch = begun(&gateway.http, COUNT).await;
        let (mut answered, third) = (0, COUNT as u64 / 3);
        until("a third of the answers", PATIENCE, async || {
            answered = vllm.answered().await - before;
            (answered >= third).then_some(())
        })
        .await;
        vllm.end(signal).await;
        vllm.start_again().await;
        all_are_answered(&gateway.http, &batch, COUNT).await;
        let after = vllm.answered().await;
        println!("SIG{signal} after {answered} of {COUNT} lines: all are answered, {after} by the server's successor");
    }
    gateway.passes_audit().await;
}
