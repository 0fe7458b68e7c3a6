//! Routes with several targets: what would be late at one is finished at the next, what was finished is kept, and what is
//! private stays.

use offpeak_simulator::Faults;
use offpeak_tests::batches::{comes_to, conserved, input, store};
use offpeak_tests::{Gateway, Load, Upstream, Working, chat};
use serde_json::json;

const COUNT: usize = 60;

/// Every model to the first provider, and from there to the second's batches.
fn two(second: &Upstream, route: &str) -> String {
    two_by(second, "provider", route)
}

/// The same, to another of the second's backends.
fn two_by(second: &Upstream, backend: &str, route: &str) -> String {
    format!(
        "[[provider]]\nname = \"second\"\nbase_url = \"{}\"\n[batches]\nwindows = \"any\"\n[[route]]\nmodel = \"*\"\n\
         provider = \"simulated\"\n{route}\n[[route.then]]\nbackend = \"{backend}\"\nprovider = \"second\"\nupstream_model = \"another\"\n\
         within = \"2s\"\n",
        second.url()
    )
}

/// Time enough at the second, on a starved machine, too.
const IN_TIME: &str = "within = \"1s\"\ngrace = \"40s\"\ndeadline = \"45s\"";

/// A provider whose batches never end by themselves.
async fn stalled() -> Upstream {
    Upstream::with(Faults { stuck_batches: 1_000, ..Faults::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_a_stalled_provider_are_finished_by_the_next_in_time() {
    let (first, second) = (stalled().await, Upstream::sound().await);
    let route = two(&second, IN_TIME);
    let gateway = Gateway::before(&first).config(&route).start().await;
    Load::of(&gateway.http, "late", COUNT).run().await.all_right(COUNT);
    let (kept, taken) = (first.counts(), second.counts());
    assert!(kept.lines_run > 0 && taken.lines_run > 0, "{kept:?} {taken:?}");
    assert_eq!((kept.lines_run + taken.lines_run, kept.paid_twice, taken.paid_twice), (COUNT as u64, 0, 0));
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_late_is_finished_by_live_calls() {
    let (first, second) = (stalled().await, Upstream::sound().await);
    let route = two_by(&second, "live", IN_TIME);
    let gateway = Gateway::before(&first).config(&route).start().await;
    Load::of(&gateway.http, "late", COUNT).run().await.all_right(COUNT);
    let (kept, taken) = (first.counts(), second.counts());
    assert!(kept.lines_run > 0 && taken.live_run > 0, "{kept:?} {taken:?}");
    assert_eq!((kept.lines_run + taken.live_run, kept.paid_twice), (COUNT as u64, 0));
    assert_eq!((taken.live_distinct, taken.batches_created), (taken.live_run, 0));
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_a_stalled_provider_is_finished_by_the_next_in_time() {
    let (first, second) = (stalled().await, Upstream::sound().await);
    let route = two(&second, "within = \"1s\"\ngrace = \"57s\"");
    let gateway = Gateway::before(&first).config(&route).start().await;
    let file = store(&gateway.http, &input("line", COUNT, &["small", "large"])).await.unwrap();
    let asked = json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "1m"});
    let batch = gateway.http.post("/v1/batches", &asked).send().await.json();
    let done = comes_to(&gateway.http, batch["id"].as_str().unwrap(), &["completed", "expired", "failed"]).await;
    assert_eq!(conserved(&gateway.http, &done, "line", COUNT).await, COUNT, "{done}");
    let (kept, taken) = (first.counts(), second.counts());
    assert!(kept.lines_run > 0 && taken.lines_run > 0, "{kept:?} {taken:?}");
    assert_eq!((kept.lines_run + taken.lines_run, kept.paid_twice, taken.paid_twice), (COUNT as u64, 0, 0));
    assert_eq!((kept.mixed_model_batches, taken.mixed_model_batches), (0, 0), "lines are renamed where they go");
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_takes_nothing_loses_its_jobs_after_its_patience() {
    let first = Upstream::with(Faults { rate_limit_creates: 100_000, ..Faults::default() }).await;
    let second = Upstream::sound().await;
    let patient = "create_timeout = \"2s\"\ncreate_grace = \"1s\"\npatience = \"2s\"";
    let gateway = Gateway::before(&first).provider(patient).config(&two(&second, "")).start().await;
    Load::of(&gateway.http, "waits", COUNT).run().await.all_right(COUNT);
    let ran = || (first.counts().lines_run, second.counts().lines_run);
    assert_eq!(ran(), (0, COUNT as u64));
    // It is known now: what it does not take at the first try goes on at once.
    first.fails_with(Faults { rate_limit_creates: 1, ..Faults::default() });
    Load::of(&gateway.http, "goes on", 1).run().await.all_right(1);
    assert_eq!(ran(), (0, COUNT as u64 + 1));
    // And that it is well again.
    Load::of(&gateway.http, "comes back", 1).run().await.all_right(1);
    assert_eq!(ran(), (1, COUNT as u64 + 1));
    gateway.passes_audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_little_time_goes_to_a_target_that_is_quick_enough() {
    let (first, second) = (Upstream::sound().await, Upstream::sound().await);
    let gateway = Gateway::before(&first).config(&two(&second, "within = \"1h\"")).start().await;
    for (deadline, at_first, at_second) in [("2h", 1, 0), ("30m", 1, 1)] {
        let call = gateway.http.post("/v1/chat/completions", &chat("in a hurry?"));
        let answer = call.header("x-offpeak-deadline", deadline).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!((first.counts().lines_run, second.counts().lines_run), (at_first, at_second), "{deadline}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_private_runs_on_own_engines_only_or_is_refused() {
    let (provider, engine) = (Upstream::sound().await, Upstream::sound().await);
    let routes = "[[route]]\nmodel = [\"gpt-4o-mini\", \"gpt-5-mini\"]\nwithin = \"1s\"\n[[route.then]]\nbackend = \"fleet\"\n\
                  within = \"30s\"\n[[route]]\nmodel = \"elsewhere\"\n";
    let gateway = Gateway::before(&provider).config(routes).start().await;
    let shown = gateway.http.json("/v1/models/gpt-4o-mini").await;
    let target = |backend, provider, within_s| json!({"backend": backend, "provider": provider, "model": "gpt-4o-mini", "within_seconds": within_s});
    assert_eq!(shown["offpeak"]["targets"], json!([target("provider", "simulated", 1), target("fleet", "fleet", 30)]));
    let _worker = Working::start(&gateway, &engine, &[]);
    let ask = |model: &str, data: &str| {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "a secret"}]});
        gateway.http.post("/v1/chat/completions", &body).header("x-offpeak-data", data)
    };
    assert_eq!(ask("elsewhere", "private").send().await.error(400), "no_private_target");
    assert_eq!(ask("gpt-4o-mini", "Private").send().await.error(400), "invalid_header");
    assert_eq!(ask("gpt-4o-mini", "private").send().await.status, 200);
    let file = store(&gateway.http, &input("line", COUNT, &["gpt-4o-mini", "gpt-5-mini"])).await.unwrap();
    let asked = json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let batch = gateway.http.post("/v1/batches", &asked).header("x-offpeak-data", "private").send().await.json();
    let done = comes_to(&gateway.http, batch["id"].as_str().unwrap(), &["completed", "failed"]).await;
    assert_eq!(conserved(&gateway.http, &done, "line", COUNT).await, COUNT);
    let outside = store(&gateway.http, &input("out", 1, &["elsewhere"])).await.unwrap();
    let asked = json!({"input_file_id": outside, "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let batch = gateway.http.post("/v1/batches", &asked).header("x-offpeak-data", "private").send().await.json();
    let failed = comes_to(&gateway.http, batch["id"].as_str().unwrap(), &["failed", "completed"]).await;
    assert_eq!(failed["errors"]["data"][0]["code"], "no_private_target", "{failed}");
    assert_eq!((provider.counts().batches_created, provider.counts().files_uploaded), (0, 0));
    assert_eq!(engine.counts().live_run, COUNT as u64 + 1);
    gateway.passes_audit().await;
}
