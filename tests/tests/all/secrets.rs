//! Keys and prompts appear in no log and no error, and keys in no file.

use std::path::PathBuf;
use std::time::Duration;

use offpeak_simulator::Faults;
use offpeak_tests::{Gateway, Http, Load, Upstream, chat};
use serde_json::json;

const OWN: &str = "sk-canary-own-4f1d";
const CALLERS: &str = "sk-canary-caller-9ac3";
const STRANGERS: &str = "sk-canary-stranger-1b22";
const PROMPT: &str = "canary prompt 7be0";

/// Everything that goes wrong at a provider, a little of it.
fn trouble() -> Faults {
    Faults {
        line_fail_rate: 0.2,
        line_429_rate: 0.1,
        upload_fail: 1,
        create_500_after: 1,
        poll_fail_rate: 0.2,
        download_truncate: 1,
        expire_batches: 1,
        ..Faults::default()
    }
}

/// Calls that are refused in all the ways there are; no answer may show the key.
async fn refused_calls(http: &Http) {
    let json = "application/json";
    let calls = [
        http.post_bytes("/v1/chat/completions", format!("{{\"model\":\"{PROMPT}")).header("content-type", json),
        http.post_bytes("/v1/chat/completions", PROMPT).header("content-type", json),
        http.post_bytes("/v1/chat/completions", PROMPT).header("content-type", "text/plain"),
        http.post("/v1/chat/completions", &json!({"model": PROMPT, "messages": 1, "n": 0})),
        http.post("/v1/chat/completions", &chat(PROMPT)).header("idempotency-key", CALLERS.repeat(20)),
        http.post("/v1/whatever", &chat(PROMPT)),
        http.get("/v1/jobs/job_none"),
        http.post("/v1/responses", &json!({"model": "missing-x", "input": PROMPT})),
    ];
    for call in calls {
        let answer = call.send().await;
        for secret in [OWN, CALLERS] {
            assert!(!answer.text().contains(secret), "{answer:?}");
        }
    }
}

async fn stays_secret(auth: &str, format: &str) {
    let upstream = Upstream::slow_with(Duration::from_millis(200), trouble()).await;
    let setup = Gateway::before(&upstream).auth(auth).own_key(OWN).verbose(format);
    let mut gateway = setup.start().await;
    let key = if auth == "keys" { gateway.key_of("acme").await } else { CALLERS.to_owned() };
    let http = gateway.http.with_key(&key);
    let outcome = Load::of(&http, PROMPT, 50).run().await;
    assert_eq!((outcome.wrong, outcome.lost), (0, 0), "{outcome:?}");
    refused_calls(&http).await;
    gateway.http.with_key(STRANGERS).get("/v1/jobs").send().await;
    gateway.stop().await;
    gateway.start().await;
    Load::of(&http, &format!("{PROMPT} again"), 5).run().await;
    gateway.stop().await;
    logged_none_of(&gateway, &[OWN, CALLERS, &key, STRANGERS, PROMPT]);
    stored_none_of(&gateway, &[OWN, CALLERS, &key, STRANGERS]);
}

fn stored_none_of(gateway: &Gateway, secrets: &[&str]) {
    for secret in secrets {
        assert_eq!(gateway.home.files_with("data", secret), Vec::<PathBuf>::new(), "{secret}");
    }
}

fn logged_none_of(gateway: &Gateway, secrets: &[&str]) {
    let log = gateway.log();
    assert!(log.contains("listening"), "something was logged:\n{log}");
    for secret in secrets {
        let leaked: Vec<&str> = log.lines().filter(|line| line.contains(secret)).collect();
        assert!(leaked.is_empty(), "{secret} in {leaked:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaks_in_passthrough_mode() {
    stays_secret("passthrough", "text").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaks_in_keys_mode() {
    stays_secret("keys", "json").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaks_in_open_mode() {
    stays_secret("open", "json").await;
}

#[tokio::test]
async fn the_data_directory_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    gateway.http.post("/v1/chat/completions", &chat("why?")).send().await.echoes("why?");
    let mode = std::fs::metadata(gateway.data()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
