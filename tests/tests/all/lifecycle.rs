//! Starting, stopping, and looking at a gateway from outside.

use std::time::Duration;

use offpeak_core::ports::Intake as _;
use offpeak_embedded::{Options, Store};
use offpeak_simulator::Faults;
use offpeak_tests::{Gateway, Load, Upstream, chat, run};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

/// A gateway whose jobs stay packed: its upstream never finishes.
async fn stuck() -> (Upstream, Gateway) {
    let upstream = Upstream::with(Faults { stuck_batches: 1_000, ..Faults::default() }).await;
    let gateway = Gateway::before(&upstream).start().await;
    (upstream, gateway)
}

#[tokio::test]
async fn open_mode_refuses_to_listen_to_the_world() {
    let upstream = Upstream::sound().await;
    for address in ["0.0.0.0:0", "[::]:0"] {
        let gateway = Gateway::before(&upstream).auth("open").installed();
        let refused = run(gateway.serve_on(address)).await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.err.contains("\"open\""), "{refused:?}");
        assert!(!gateway.data().exists(), "nothing was begun");
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_directory_is_refused() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let refused = run(gateway.serve_on("127.0.0.1:0")).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("in use"), "{refused:?}");
    gateway.http.post(CHAT, &chat("still there?")).send().await.echoes("still there?");
}

#[tokio::test]
async fn a_taken_address_and_a_missing_key_are_refused() {
    let upstream = Upstream::sound().await;
    let first = Gateway::before(&upstream).start().await;
    let second = Gateway::before(&upstream).installed();
    let refused = run(second.serve_on(&first.address())).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let mut keyless = second.serve_on("127.0.0.1:0");
    keyless.env_remove("OPENAI_API_KEY");
    let refused = run(keyless).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("OPENAI_API_KEY"), "{refused:?}");
}

#[tokio::test]
async fn at_sigterm_held_callers_are_told_to_come_back_and_their_retry_is_answered() {
    let upstream = Upstream::slow(Duration::from_secs(2)).await;
    let mut gateway = Gateway::before(&upstream).start().await;
    let calls = (0..20).map(|n| gateway.http.post(CHAT, &chat(&format!("q{n}"))).send());
    let held: Vec<_> = calls.map(tokio::spawn).collect();
    gateway.jobs_are(20, "packed").await;
    gateway.stop().await;
    let mut jobs = Vec::new();
    for call in held {
        let told = call.await.unwrap();
        assert_eq!(told.error(503), "result_pending");
        assert_eq!(told.header("x-should-retry"), "true");
        assert!((1..=60).contains(&told.header("retry-after").parse::<u32>().unwrap()));
        jobs.push(told.job().to_owned());
    }
    gateway.passes_audit().await;
    gateway.start().await;
    for (n, job) in jobs.iter().enumerate() {
        let answer = gateway.http.post(CHAT, &chat(&format!("q{n}"))).retry(1).send().await;
        answer.echoes(&format!("q{n}"));
        assert_eq!(answer.job(), job);
    }
    assert_eq!(upstream.counts().lines_run, 20);
}

#[tokio::test]
async fn at_sigterm_a_held_caller_is_not_sent_on_to_a_server_that_goes() {
    let upstream = Upstream::with(Faults { stuck_batches: 1_000, ..Faults::default() }).await;
    let mut gateway = Gateway::before(&upstream).config("[waiting]\nredirect = true").start().await;
    let held = tokio::spawn(gateway.http.post(CHAT, &chat("why?")).send());
    gateway.jobs_are(1, "packed").await;
    gateway.stop().await;
    assert_eq!(held.await.unwrap().error(503), "result_pending");
}

#[tokio::test]
async fn an_idle_gateway_stops_quickly() {
    let upstream = Upstream::sound().await;
    let mut gateway = Gateway::before(&upstream).start().await;
    gateway.http.post(CHAT, &chat("why?")).send().await.echoes("why?");
    let took = gateway.stop().await;
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_stream_that_waits_ends_with_an_error_at_sigterm() {
    let (_upstream, mut gateway) = stuck().await;
    let mut body = chat("why?");
    body["stream"] = json!(true);
    let held = tokio::spawn(gateway.http.post(CHAT, &body).send());
    gateway.jobs_are(1, "packed").await;
    gateway.stop().await;
    let told = held.await.unwrap().text();
    assert!(told.contains("result_pending"), "{told}");
}

#[tokio::test]
async fn status_and_audit_work_beside_the_server_and_without_it() {
    let (upstream, mut gateway) = stuck().await;
    for number in 0..3 {
        let call = gateway.http.post(CHAT, &chat(&format!("q{number}"))).header("prefer", "respond-async");
        assert_eq!(call.send().await.status, 202);
    }
    gateway.jobs_are(3, "packed").await;
    upstream.created(1).await;
    assert_eq!(gateway.status().await["jobs"]["packed"], 3);
    gateway.passes_audit().await;
    gateway.stop().await;
    let status = gateway.status().await;
    assert_eq!((&status["jobs"]["packed"], &status["jobs"]["done"]), (&json!(3), &json!(0)));
    let submitted = status["submissions"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>();
    assert!(submitted >= 1, "{status}");
    gateway.passes_audit().await;
    let table = gateway.run(&["status"]).await;
    assert!(table.out.contains("packed"), "{table:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audit_passes_while_much_is_going_on() {
    let upstream = Upstream::slow(Duration::from_millis(300)).await;
    let gateway = Gateway::before(&upstream).start().await;
    let load = tokio::spawn(Load::of(&gateway.http, "busy", 300).over(Duration::from_secs(2)).run());
    while !load.is_finished() {
        gateway.passes_audit().await;
    }
    load.await.unwrap().all_right(300);
    let audit = gateway.run(&["audit"]).await;
    assert!(audit.out.contains("jobs 300, unpromised 0, violations 0"), "{audit:?}");
}

#[tokio::test]
async fn audit_finds_a_results_file_that_is_gone() {
    let upstream = Upstream::sound().await;
    let mut gateway = Gateway::before(&upstream).start().await;
    let answer = gateway.http.post(CHAT, &chat("why?")).send().await;
    gateway.stop().await;
    gateway.passes_audit().await;
    let results = gateway.objects("results");
    assert_eq!(results.len(), 1, "{results:?}");
    std::fs::remove_file(&results[0]).unwrap();
    let audit = gateway.run(&["audit"]).await;
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.out.contains(answer.job()) && audit.out.contains("violations 1"), "{audit:?}");
    // Whoever comes for it is told, and not for ever put off.
    gateway.start().await;
    let gone = gateway.http.get(&format!("/v1/jobs/{}/result", answer.job())).send().await;
    assert_eq!(gone.error(410), "result_expired");
}

#[tokio::test]
async fn audit_finds_a_results_file_that_is_too_short() {
    let upstream = Upstream::sound().await;
    let mut gateway = Gateway::before(&upstream).start().await;
    gateway.http.post(CHAT, &chat("why?")).send().await.echoes("why?");
    gateway.stop().await;
    let results = gateway.objects("results");
    let file = std::fs::File::options().write(true).open(&results[0]).unwrap();
    file.set_len(10).unwrap();
    let audit = gateway.run(&["audit"]).await;
    assert_eq!(audit.code, Some(1), "{audit:?}");
}

#[tokio::test]
async fn audit_finds_a_manifest_that_is_gone() {
    let (_upstream, mut gateway) = stuck().await;
    let accepted = gateway.http.post(CHAT, &chat("why?")).header("prefer", "respond-async").send().await;
    gateway.job_is(&gateway.http, accepted.job(), "packed").await;
    gateway.stop().await;
    gateway.passes_audit().await;
    for manifest in gateway.objects("manifests") {
        std::fs::remove_file(manifest).unwrap();
    }
    let audit = gateway.run(&["audit"]).await;
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.out.contains(accepted.job()), "{audit:?}");
}

#[tokio::test]
async fn audit_finds_a_promised_job_without_its_message() {
    let upstream = Upstream::sound().await;
    let mut gateway = Gateway::before(&upstream).window("1h").start().await;
    gateway.http.post(CHAT, &chat("first")).send().await.echoes("first");
    let ask = |count| gateway.http.post(CHAT, &chat("why?")).header("prefer", "respond-async").retry(count).send();
    let first = ask(0).await;
    assert_eq!(ask(1).await.job(), first.job());
    gateway.stop().await;
    gateway.passes_audit().await;
    let store = Store::open(&gateway.data(), &Options::default()).unwrap();
    let intake = store.intake();
    let held = intake.receive("soon", 100, 60_000, 0).await.unwrap();
    assert!(!held.is_empty());
    intake.delete("soon", held.into_iter().map(|one| one.receipt).collect()).await.unwrap();
    drop((intake, store));
    let audit = gateway.run(&["audit"]).await;
    assert_eq!(audit.code, Some(1), "{audit:?}");
    assert!(audit.out.contains("queued without a message"), "{audit:?}");
}

#[tokio::test]
async fn audit_and_status_of_no_data_directory_fail() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).installed();
    for command in ["audit", "status"] {
        let failed = gateway.run(&[command]).await;
        assert_eq!(failed.code, Some(1), "{command}: {failed:?}");
        assert!(!gateway.data().exists());
    }
}
