//! Live routes through the real binary: the provider's ordinary endpoints, at its rates.

use std::time::{Duration, Instant};

use offpeak_simulator::{Faults, Options};
use offpeak_tests::batches::{comes_to, conserved, create, input, lines, store};
use offpeak_tests::{Gateway, Load, PATIENCE, Upstream, chat, free_port, until};
use serde_json::json;

const LIVE: &str = "[[route]]\nmodel = \"gpt-*\"\nbackend = \"live\"\n[limits]\nmax_attempts = 2\n";

const MODEL: &str = "gpt-4o-mini";

/// Stores an input of so many lines and creates its batch.
async fn begun(gateway: &Gateway, count: usize) -> String {
    let file = store(&gateway.http, &input("line", count, &[MODEL])).await.unwrap();
    create(&gateway.http, &file).await.unwrap()
}

/// Waits for the batch, of which every line must be answered with its own answer.
async fn answered(gateway: &Gateway, batch: &str, count: usize) {
    let done = comes_to(&gateway.http, batch, &["completed"]).await;
    assert_eq!(conserved(&gateway.http, &done, "line", count).await, count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_and_batches_are_answered_by_ordinary_endpoints() {
    let provider = Upstream::sound().await;
    let mut gateway = Gateway::before(&provider).config(LIVE).start().await;
    Load::of(&gateway.http, "live", 200).run().await.all_right(200);
    let file = store(&gateway.http, &input("line", 1_000, &[MODEL, "gpt-5-mini"])).await.unwrap();
    let batch = create(&gateway.http, &file).await.unwrap();
    answered(&gateway, &batch, 1_000).await;
    let counts = provider.counts();
    assert_eq!((counts.live_run, counts.live_distinct, counts.batches_created), (1_200, 1_200, 0));
    assert_eq!(counts.keys_seen.len(), 1, "the gateway's own key");
    gateway.stop().await;
    assert!(gateway.log().contains("live calls have ended"), "{}", gateway.log());
    assert!(!gateway.log().contains("sk-own"));
    gateway.passes_audit().await;
    assert!(gateway.objects("fleet").is_empty(), "what was kept of it is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_fails_in_every_way_answers_every_line_once() {
    let faults = Faults {
        live_fail_rate: 0.1,
        live_429_rate: 0.02,
        live_cut_rate: 0.05,
        live_garbage_rate: 0.05,
        live_hang_rate: 0.01,
        live_slow_ms: 5,
        ..Faults::default()
    };
    let provider = Upstream::with(faults).await;
    let gateway = Gateway::before(&provider).config(LIVE).provider("request_timeout = \"2s\"").start().await;
    let batch = begun(&gateway, 300).await;
    answered(&gateway, &batch, 300).await;
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_are_kept_across_a_kill_and_used() {
    const COUNT: usize = 250;
    let faults = Faults { live_slow_ms: 100, ..Faults::default() };
    let provider = Upstream::with(faults).await;
    let mut gateway = Gateway::before(&provider).config(LIVE).provider("requests_per_minute = 600").start().await;
    let batch = begun(&gateway, COUNT).await;
    let (began, mut down) = (Instant::now(), Duration::ZERO);
    for run in [60, 120] {
        until("answers", PATIENCE, async || (provider.counts().live_run >= run).then_some(())).await;
        let killed = Instant::now();
        gateway.kill();
        gateway.start().await;
        down += killed.elapsed();
    }
    answered(&gateway, &batch, COUNT).await;
    let (counts, took) = (provider.counts(), began.elapsed().saturating_sub(down));
    let calls: u64 = counts.live_calls.values().sum();
    println!("{calls} calls in {took:?}, at most {} within 10 s", counts.live_most_in_10_s);
    // Ten a second, and no more than three seconds' worth ahead.
    assert!(counts.live_most_in_10_s <= 130, "{}", counts.live_most_in_10_s);
    // Nine of ten are used, but for what begins and ends a run.
    assert!(took <= Duration::from_millis(calls * 1_000 / 9 + 8_000), "{calls} calls in {took:?}");
    assert_eq!(counts.live_distinct, COUNT as u64);
    // At each kill a checkpoint's worth, what ran, and as much for a machine that is busy.
    assert!(counts.live_run - counts.live_distinct <= 2 * 2 * (20 + 2), "{}", counts.live_run);
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_waits_for_its_rates_holds_up_no_other() {
    let provider = Upstream::sound().await;
    let routes = "[[route]]\nmodel = \"slow\"\nupstream_model = \"gpt-5-mini\"\nbackend = \"live\"\n\
                  requests_per_minute = 120\n[[route]]\nmodel = \"gpt-*\"\nbackend = \"live\"\n";
    let gateway = Gateway::before(&provider).config(routes).start().await;
    let (began, slow) = (Instant::now(), store(&gateway.http, &input("line", 40, &["slow"])).await.unwrap());
    let slow = create(&gateway.http, &slow).await.unwrap();
    until("its calls", PATIENCE, async || (provider.counts().live_run > 0).then_some(())).await;
    let quick = begun(&gateway, 300).await;
    answered(&gateway, &quick, 300).await;
    let status = gateway.http.json(&format!("/v1/batches/{slow}")).await["status"].clone();
    assert_ne!(status, "completed", "the other model was called beside it");
    answered(&gateway, &slow, 40).await;
    // Two a second, and no more than three seconds' worth ahead.
    assert!(began.elapsed() >= Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(provider.counts().live_run, 340);
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_at_any_instant_loses_no_line_and_little_money() {
    const COUNT: usize = 150;
    let mut again = Vec::new();
    for run in 0..8_u64 {
        let faults = Faults { live_slow_ms: 250, ..Faults::default() };
        let provider = Upstream::with(faults).await;
        let mut gateway = Gateway::before(&provider).config(LIVE).provider("concurrency = 8").start().await;
        let batch = begun(&gateway, COUNT).await;
        let answers = run * 18 + rand::random_range(0..18);
        until("answers", PATIENCE, async || (provider.counts().live_run >= answers).then_some(())).await;
        gateway.kill();
        gateway.start().await;
        answered(&gateway, &batch, COUNT).await;
        again.push(provider.counts().live_run - COUNT as u64);
        gateway.passes_audit().await;
    }
    println!("lines answered again after a kill: {again:?}");
    // A checkpoint's worth: 2 s of eight at a time, 250 ms each; and what ran; and some for a machine that is busy.
    assert!(again.iter().all(|lines| *lines <= 64 + 8 + 28), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_nobody_reaches_is_waited_for() {
    let port = free_port();
    let setup = Gateway::before_url(&format!("http://127.0.0.1:{port}/v1"));
    let gateway = setup.config(LIVE).start().await;
    let batch = begun(&gateway, 50).await;
    until("a warning", PATIENCE, async || gateway.log().contains("the provider is not reached").then_some(())).await;
    let provider = Upstream::start_on(port, Options::default()).await;
    answered(&gateway, &batch, 50).await;
    assert_eq!(provider.counts().live_run, 50);
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_provider_refuses_is_the_answer_at_once() {
    let provider = Upstream::sound().await;
    let gateway = Gateway::before(&provider).config(LIVE).own_key("sk-invalid").start().await;
    let refused = gateway.http.post("/v1/chat/completions", &chat("anything")).send().await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (401, &json!("invalid_api_key")));
    let batch = begun(&gateway, 3).await;
    let done = comes_to(&gateway.http, &batch, &["completed"]).await;
    for (line, (_, answer)) in lines(&gateway.http, &done).await {
        assert_eq!(answer["response"]["status_code"], 401, "{line}: {answer}");
    }
    assert!(!gateway.log().contains("sk-invalid"));
}
