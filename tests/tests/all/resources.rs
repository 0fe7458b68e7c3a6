//! What operators see, and the simulator as a process of its own.

use std::process::Command;

use offpeak_tests::{Gateway, Home, Http, Load, PATIENCE, Process, Upstream, chat, offpeak, until};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_readiness_and_counts_are_told() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).auth("keys").start().await;
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = gateway.http.get(path).send().await;
        assert_eq!((answer.status, answer.text().as_str()), (200, text));
    }
    let http = gateway.http.with_key(gateway.key_of("acme").await);
    Load::of(&http, "counted", 20).run().await.all_right(20);
    assert_eq!(http.get("/v1/whatever").send().await.status, 404);
    assert_eq!(http.post("/v1/embeddings", &json!({})).send().await.status, 400);
    let stats = http.json("/stats").await;
    assert_eq!((&stats["requests"]["accepted"], &stats["requests"]["answered"]), (&json!(20), &json!(20)), "{stats}");
    assert_eq!((&stats["requests"]["refused"], &stats["held"]), (&json!(1), &json!(0)), "{stats}");
    assert_eq!((&stats["jobs"]["done"], &stats["queues"]["soon"]["visible"]), (&json!(20), &json!(0)), "{stats}");
    assert!(stats["latency_ms"]["p99"].as_u64() >= stats["latency_ms"]["p50"].as_u64(), "{stats}");
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[tokio::test]
async fn large_blocks_of_memory_go_back_to_the_system() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let environment = gateway.environment();
    assert!(environment.contains("MALLOC_MMAP_THRESHOLD_=131072\0"), "{environment}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulator_serves_as_a_process_of_its_own() {
    let home = Home::new();
    let mut simulate = Command::new(offpeak());
    simulate.args(["simulate", "--listen", "127.0.0.1:0", "--delay", "100ms", "--fault", "create_500_after=1"]);
    let process = Process::start(simulate, &home.join("log"));
    let base = until("a simulator that listens", PATIENCE, async || {
        let line = process.log().lines().find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
        line.map(|line| line.trim().to_owned())
    })
    .await;
    let gateway = Gateway::before_url(&format!("{base}/v1")).start().await;
    Load::of(&gateway.http, "simulated", 50).run().await.all_right(50);
    let counts = Http::to(base).json("/sim/counts").await;
    assert_eq!((&counts["lines_run"], &counts["paid_twice"]), (&json!(50), &json!(0)), "{counts}");
}

#[tokio::test]
async fn a_class_gathers_until_enough_jobs_wait() {
    let upstream = Upstream::sound().await;
    let class = "[[class]]\nname = \"bulk\"\nwindow = \"1h\"\nmax_jobs = 3";
    let gateway = Gateway::before(&upstream).config(class).start().await;
    let ask = |text: &str| gateway.http.post("/v1/chat/completions", &chat(text)).header("x-offpeak-class", "bulk");
    ask("first").send().await.echoes("first");
    let waiting = [tokio::spawn(ask("a").send()), tokio::spawn(ask("b").send())];
    gateway.jobs_are(2, "queued").await;
    ask("c").send().await.echoes("c");
    for (held, question) in waiting.into_iter().zip(["a", "b"]) {
        held.await.unwrap().echoes(question);
    }
    assert_eq!(upstream.counts().batches_created, 2);
}
