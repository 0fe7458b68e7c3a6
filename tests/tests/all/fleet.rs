//! Own model servers through the real binaries: gateway, worker, and a simulator as the engine.

use std::time::Duration;

use offpeak_simulator::{Faults, Options};
use offpeak_tests::batches::{comes_to, conserved, create, input, line, lines, store};
use offpeak_tests::{Gateway, Load, PATIENCE, Upstream, Working, until};
use serde_json::json;

/// A route to the fleet for the models that a simulator serves, quick leases, small chunks.
const FLEET: &str = "[[route]]\nmodel = \"gpt-*\"\nbackend = \"fleet\"\n[fleet]\nchunk_lines = 100\nlease = \"2s\"\n\
                     checkpoint = \"200ms\"\n[limits]\nmax_attempts = 2\n";

const MODEL: &str = "gpt-4o-mini";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_and_batches_are_answered_by_own_engines() {
    let (provider, engine) = (Upstream::sound().await, Upstream::sound().await);
    let gateway = Gateway::before(&provider).config(FLEET).start().await;
    assert_eq!(gateway.http.json("/v1/models").await["data"], json!([]));
    assert_eq!(gateway.http.json(&format!("/v1/models/{MODEL}")).await["owned_by"], "fleet");
    let mut worker = Working::start(&gateway, &engine, &[]);
    Load::of(&gateway.http, "fleet", 200).run().await.all_right(200);
    let file = store(&gateway.http, &input("line", 1_000, &[MODEL, "gpt-5-mini"])).await.unwrap();
    let batch = create(&gateway.http, &file).await.unwrap();
    let done = comes_to(&gateway.http, &batch, &["completed"]).await;
    assert_eq!(conserved(&gateway.http, &done, "line", 1_000).await, 1_000);
    let counts = engine.counts();
    assert_eq!((counts.live_run, counts.live_distinct), (1_200, 1_200));
    assert_eq!((provider.counts().batches_created, provider.counts().live_calls.len()), (0, 0));
    worker.process.terminate();
    assert!(worker.process.end_within(Duration::from_secs(10)).await.success());
    assert!(worker.process.log().contains("1200 requests answered, 0 of them not"), "{}", worker.process.log());
    gateway.passes_audit().await;
    assert!(gateway.objects("fleet").is_empty(), "what the fleet kept of it is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_fails_in_every_way_answers_every_line_once() {
    let faults = Faults {
        live_fail_rate: 0.1,
        live_429_rate: 0.05,
        live_cut_rate: 0.05,
        live_garbage_rate: 0.05,
        live_hang_rate: 0.01,
        live_slow_ms: 5,
        live_capacity: 20,
        ..Faults::default()
    };
    let provider = Upstream::sound().await;
    let engine = Upstream::start(Options { faults, ..Options::default() }).await;
    let gateway = Gateway::before(&provider).config(FLEET).start().await;
    let _worker = Working::start(&gateway, &engine, &["--request-timeout", "2s"]);
    let file = store(&gateway.http, &input("line", 500, &[MODEL])).await.unwrap();
    let batch = create(&gateway.http, &file).await.unwrap();
    let done = comes_to(&gateway.http, &batch, &["completed"]).await;
    assert_eq!(conserved(&gateway.http, &done, "line", 500).await, 500);
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_kills_the_engine_twice_ends_and_the_rest_survives() {
    let faults = Faults { live_deadly: Some("question 77".to_owned()), live_slow_ms: 5, ..Faults::default() };
    let provider = Upstream::sound().await;
    let engine = Upstream::start(Options { faults, ..Options::default() }).await;
    let gateway = Gateway::before(&provider).config(FLEET).start().await;
    let _worker = Working::start(&gateway, &engine, &[]);
    let file = store(&gateway.http, &input("line", 150, &[MODEL])).await.unwrap();
    let batch = create(&gateway.http, &file).await.unwrap();
    let done = comes_to(&gateway.http, &batch, &["completed"]).await;
    assert_eq!(done["request_counts"], json!({"total": 150, "completed": 149, "failed": 1}));
    let found = lines(&gateway.http, &done).await;
    let answer = &found["line 77"].1["response"];
    assert_eq!((&answer["status_code"], &answer["body"]["error"]["code"]), (&json!(422), &json!("engine_died")));
    assert_eq!(engine.counts().live_deaths, 2);
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_at_any_instant_loses_no_line_and_little_work() {
    const COUNT: usize = 400;
    let mut again = Vec::new();
    for run in 0..20_u64 {
        let faults = Faults { live_slow_ms: 20, ..Faults::default() };
        let provider = Upstream::sound().await;
        let engine = Upstream::start(Options { faults, ..Options::default() }).await;
        let gateway = Gateway::before(&provider).config(FLEET).start().await;
        let killed = Working::start(&gateway, &engine, &["--concurrency", "16", "--max-concurrency", "16"]);
        let file = store(&gateway.http, &input("line", COUNT, &[MODEL])).await.unwrap();
        let batch = create(&gateway.http, &file).await.unwrap();
        let answered = run * 20 + rand::random_range(0..20);
        until("answers", PATIENCE, async || (engine.counts().live_run >= answered).then_some(())).await;
        drop(killed);
        let _other = Working::start(&gateway, &engine, &["--concurrency", "16", "--max-concurrency", "16"]);
        let done = comes_to(&gateway.http, &batch, &["completed"]).await;
        assert_eq!(conserved(&gateway.http, &done, "line", COUNT).await, COUNT, "run {run}");
        again.push(engine.counts().live_run - COUNT as u64);
    }
    // Two checkpoints' worth at most: 400 ms of 16 at a time, 20 ms each, and what ran.
    println!("lines answered again after a kill: {again:?}");
    assert!(again.iter().all(|lines| *lines <= 16 * 20 + 16), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_are_told_by_line_and_workers_show_a_key() {
    let (provider, engine) = (Upstream::sound().await, Upstream::sound().await);
    let gateway = Gateway::before(&provider).config(FLEET).start().await;
    let mut text = input("line", 20, &[MODEL]);
    text.push_str(&line("odd", 0, "gpt-4o-mini").to_string().replace("\"messages\":[", "\"n\":3,\"messages\":[7,"));
    let file = store(&gateway.http, &text).await.unwrap();
    let batch = create(&gateway.http, &file).await.unwrap();
    for engine in ["http://127.0.0.1:9", "nonsense"] {
        let mut worker = Working::start_at(&format!("http://{}", gateway.address()), engine, &[]);
        if engine == "nonsense" {
            assert_eq!(worker.process.end_within(Duration::from_secs(10)).await.code(), Some(1));
            assert!(worker.process.log().contains("--engine: the base URL is not"), "{}", worker.process.log());
        }
    }
    let _worker = Working::start(&gateway, &engine, &[]);
    let done = comes_to(&gateway.http, &batch, &["completed"]).await;
    assert_eq!(done["request_counts"], json!({"total": 21, "completed": 20, "failed": 1}));
    let found = lines(&gateway.http, &done).await;
    assert_eq!(found["odd 0"].1["response"]["status_code"], 400, "{:?}", found["odd 0"]);
}
