//! Batches through the real binary: every line of an input comes back once, whatever happens on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use offpeak_simulator::Faults;
use offpeak_tests::batches::{PATIENCE, comes_to, conserved, create, input, lines, show, store};
use offpeak_tests::{Gateway, Upstream, until};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_lines_of_three_models_come_back_as_one_result() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let file = store(&gateway.http, &input("line", 2_000, &["gpt-a", "gpt-b", "gpt-c"])).await.unwrap();
    let batch = create(&gateway.http, &file).await.unwrap();
    let done = comes_to(&gateway.http, &batch, &["completed"]).await;
    assert_eq!(conserved(&gateway.http, &done, "line", 2_000).await, 2_000);
    let counts = upstream.counts();
    assert_eq!((counts.batches_created, counts.lines_run, counts.mixed_model_batches), (3, 2_000, 0));
    assert!(done["usage"]["input_tokens"].as_u64().unwrap() > 0 && done["model"].is_null());
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_one_batch_of_the_provider_may_hold_is_split_and_merged() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).provider("max_requests = 100\n").start().await;
    let file = store(&gateway.http, &input("line", 350, &["gpt-a"])).await.unwrap();
    let done = create(&gateway.http, &file).await.unwrap();
    let done = comes_to(&gateway.http, &done, &["completed"]).await;
    assert_eq!(conserved(&gateway.http, &done, "line", 350).await, 350);
    let counts = upstream.counts();
    assert_eq!((counts.batches_created, counts.largest_batch_lines, &done["model"]), (4, 100, &json!("gpt-a")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_bounds_the_batches_of_its_models_and_no_others() {
    let upstream = Upstream::sound().await;
    let routes = "[[route]]\nmodel = \"gpt-a\"\nmax_requests = 40\n[[route]]\nmodel = \"*\"\n";
    let gateway = Gateway::before(&upstream).config(routes).start().await;
    let file = store(&gateway.http, &input("line", 200, &["gpt-a", "gpt-b"])).await.unwrap();
    let done = create(&gateway.http, &file).await.unwrap();
    let done = comes_to(&gateway.http, &done, &["completed"]).await;
    assert_eq!(conserved(&gateway.http, &done, "line", 200).await, 200);
    let counts = upstream.counts();
    assert_eq!((counts.batches_created, counts.largest_batch_lines), (3 + 1, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audit_finds_a_batchs_results_that_are_gone() {
    let upstream = Upstream::sound().await;
    let mut gateway = Gateway::before(&upstream).start().await;
    let file = store(&gateway.http, &input("line", 20, &["gpt-a"])).await.unwrap();
    let batch = create(&gateway.http, &file).await.unwrap();
    comes_to(&gateway.http, &batch, &["completed"]).await;
    gateway.passes_audit().await;
    gateway.stop().await;
    let results = gateway.objects("results");
    assert_eq!(results.len(), 1, "{results:?}");
    std::fs::remove_file(&results[0]).unwrap();
    let audit = gateway.run(&["audit"]).await;
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.out.contains(&format!("{batch}: a part came home, and its results cannot be read")), "{audit:?}");
    assert!(audit.out.ends_with("batches 1, lines 20, violations 1\n"), "{audit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strict_gateway_refuses_what_openai_refuses() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).config("[batches]\ninput = \"strict\"").start().await;
    let file = store(&gateway.http, &input("line", 3, &["gpt-a", "gpt-b"])).await.unwrap();
    let batch = create(&gateway.http, &file).await.unwrap();
    let failed = comes_to(&gateway.http, &batch, &["failed"]).await;
    let error = &failed["errors"]["data"][0];
    assert_eq!((&error["code"], &error["line"]), (&json!("mismatched_model"), &json!(2)));
    assert_eq!(upstream.counts().batches_created, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_fails_loses_no_line() {
    let faults = Faults {
        line_fail_rate: 0.05,
        line_429_rate: 0.2,
        line_vanish_rate: 0.05,
        line_repeat_rate: 0.1,
        expire_batches: 1,
        token_limit_batches: 1,
        create_500_before: 1,
        upload_fail: 1,
        download_short: 1,
        ..Faults::default()
    };
    let upstream = Upstream::with(faults).await;
    let gateway = Gateway::before(&upstream).start().await;
    let file = store(&gateway.http, &input("line", 600, &["gpt-a", "gpt-b"])).await.unwrap();
    let batch = create(&gateway.http, &file).await.unwrap();
    let done = comes_to(&gateway.http, &batch, &["completed"]).await;
    let answered = conserved(&gateway.http, &done, "line", 600).await;
    assert!((400..600).contains(&answered), "{answered}");
    // A line of which an answer was seen never ran again.
    assert_eq!(upstream.counts().lines_run, answered as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_cancelled_in_any_phase_says_of_each_line_what_became_of_it() {
    const COUNT: usize = 200;
    for after_ms in [0, 30, 80, 150, 300, 600, 1_000] {
        let upstream = Upstream::slow(Duration::from_millis(400)).await;
        let gateway = Gateway::before(&upstream).start().await;
        let file = store(&gateway.http, &input("line", COUNT, &["gpt-a", "gpt-b"])).await.unwrap();
        let batch = create(&gateway.http, &file).await.unwrap();
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        let answer = gateway.http.post_bytes(&format!("/v1/batches/{batch}/cancel"), "").send().await;
        let ended = comes_to(&gateway.http, &batch, &["cancelled", "completed"]).await;
        let answered = conserved(&gateway.http, &ended, "line", COUNT).await;
        assert_eq!(upstream.counts().lines_run, answered as u64, "after {after_ms} ms");
        if answer.status == 200 {
            assert_eq!(ended["status"], "cancelled", "after {after_ms} ms: {answer:?}");
            for (is_output, line) in lines(&gateway.http, &ended).await.into_values() {
                assert!(is_output || line["error"]["code"] == "batch_cancelled", "{line}");
            }
        } else {
            assert_eq!((answer.status, answer.header("x-should-retry")), (409, "false"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_outlives_its_gateway_at_any_instant() {
    const COUNT: usize = 300;
    for run in 0..12_u64 {
        let upstream = Upstream::slow(Duration::from_millis(300)).await;
        let mut gateway = Gateway::before(&upstream).start().await;
        let http = gateway.http.clone();
        let content = input("line", COUNT, &["gpt-a", "gpt-b"]);
        let caller = async {
            let file = until("a stored file", PATIENCE, async || store(&http, &content).await).await;
            until("a batch", PATIENCE, async || create(&http, &file).await).await
        };
        let crash = async {
            tokio::time::sleep(Duration::from_millis(run * 100 + rand::random_range(0..100))).await;
            gateway.kill();
            gateway.start().await;
        };
        let (batch, ()) = tokio::join!(caller, crash);
        let done = comes_to(&gateway.http, &batch, &["completed"]).await;
        assert_eq!(conserved(&gateway.http, &done, "line", COUNT).await, COUNT);
        let counts = upstream.counts();
        assert_eq!((counts.lines_run, counts.paid_twice), (COUNT as u64, 0), "run {run}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_come_while_a_batch_runs_and_what_failed_may_run_again() {
    const COUNT: usize = 120;
    let faults = Faults { line_fail_rate: 0.2, ..Faults::default() };
    let upstream = Upstream::slow_with(Duration::from_millis(200), faults).await;
    let gateway = Gateway::before(&upstream).provider("max_requests = 50\n").start().await;
    let file = store(&gateway.http, &input("line", COUNT, &["gpt-a"])).await.unwrap();
    let batch = create(&gateway.http, &file).await.unwrap();
    let (mut found, mut after) = (BTreeMap::new(), String::new());
    until("every result", PATIENCE, async || {
        let page = gateway.http.json(&format!("/v1/batches/{batch}/results?limit=7{after}")).await;
        for line in page["data"].as_array().unwrap() {
            let id = line["custom_id"].as_str().unwrap().to_owned();
            assert!(found.insert(id, line.clone()).is_none(), "twice: {line}");
        }
        after = format!("&after={}", page["last_id"].as_str().unwrap());
        (page["status"] == "completed" && page["has_more"] == false).then_some(())
    })
    .await;
    let done = show(&gateway.http, &batch).await.unwrap();
    let answered = conserved(&gateway.http, &done, "line", COUNT).await;
    let left = lines(&gateway.http, &done).await;
    assert_eq!(found, left.into_iter().map(|(id, (_, line))| (id, line)).collect());
    upstream.fails_with(Faults::default());
    let retry = format!("/v1/batches/{batch}/retry");
    let again = gateway.http.post_bytes(&retry, "").header("idempotency-key", "again").send().await.json();
    let repeat = gateway.http.post_bytes(&retry, "").header("idempotency-key", "again").send().await.json();
    assert_eq!(repeat["id"], again["id"]);
    let again = comes_to(&gateway.http, again["id"].as_str().unwrap(), &["completed"]).await;
    let failed = COUNT - answered;
    assert!(failed > 0);
    assert_eq!(again["request_counts"], json!({"total": failed, "completed": failed, "failed": 0}));
    let none = gateway.http.post_bytes(&format!("/v1/batches/{}/retry", again["id"].as_str().unwrap()), "");
    assert_eq!(none.send().await.error(409), "nothing_to_retry");
    assert_eq!(upstream.counts().lines_run, COUNT as u64);
}
