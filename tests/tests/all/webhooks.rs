//! Webhooks of the real binary: told across kills, never to private addresses, never to strangers.

use std::collections::BTreeSet;
use std::time::Duration;

use offpeak_tests::batches::{PATIENCE, create, input, store};
use offpeak_tests::{Gateway, Http, Recorder, Upstream, chat, until};
use serde_json::{Value, json};

const ENDPOINTS: &str = "/v1/webhook_endpoints";
const LOCAL: &str = "[webhooks]\nallow_private = true\n";

/// Where a recorder listens, as a receiver.
fn at(recorder: &Recorder, path: &str) -> String {
    recorder.url().replace("/v1", path)
}

async fn register(http: &Http, url: &str, events: &[&str]) -> Value {
    let made = http.post(ENDPOINTS, &json!({"name": "test", "url": url, "event_types": events})).send().await;
    assert_eq!(made.status, 200, "{made:?}");
    made.json()
}

/// The bodies of what came to a path.
fn heard(recorder: &Recorder, path: &str) -> Vec<Value> {
    recorder.calls(path).iter().map(|call| serde_json::from_slice(&call.body).unwrap()).collect()
}

async fn hears(recorder: &Recorder, path: &str, count: usize) -> Vec<Value> {
    until(&format!("{count} events at {path}"), PATIENCE, async || {
        let heard = heard(recorder, path);
        let ids: BTreeSet<&str> = heard.iter().map(|event| event["id"].as_str().unwrap()).collect();
        (ids.len() == count).then_some(heard)
    })
    .await
}

async fn batch(http: &Http, name: &str) -> String {
    let file = store(http, &input(name, 3, &["gpt-4.1-mini"])).await.expect("a stored file");
    create(http, &file).await.expect("a batch")
}

#[tokio::test]
async fn every_end_is_told_also_across_kills() {
    let receiver = Recorder::answering("{}").await;
    let upstream = Upstream::slow(Duration::from_millis(300)).await;
    let mut gateway = Gateway::before(&upstream).config(LOCAL).start().await;
    let events = ["batch.completed", "job.completed"];
    register(&gateway.http, &at(&receiver, "/hook"), &events).await;
    let mut wanted = BTreeSet::new();
    for round in 0..6 {
        wanted.insert(batch(&gateway.http, &format!("batch {round}")).await);
        let text = format!("round {round}");
        let call = gateway.http.post("/v1/chat/completions", &chat(&text)).header("prefer", "respond-async");
        wanted.insert(call.send().await.job().to_owned());
        tokio::time::sleep(Duration::from_millis(130 * round)).await;
        gateway.kill();
        gateway.start().await;
    }
    let heard = hears(&receiver, "/hook", wanted.len()).await;
    let told: BTreeSet<String> = heard.iter().map(|event| event["data"]["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, wanted);
    gateway.passes_audit().await;
}

/// Whom one request names is told of it, at the URL that it names, and of nothing else.
#[tokio::test]
async fn a_request_names_where_it_is_told() {
    let receiver = Recorder::answering("{}").await;
    let upstream = Upstream::slow(Duration::from_millis(100)).await;
    let gateway = Gateway::before(&upstream).config(LOCAL).start().await;
    let made = register(&gateway.http, &at(&receiver, "/hook"), &[]).await;
    let ask = async |text: &str, webhook: &str| {
        let call = gateway.http.post("/v1/chat/completions", &chat(text)).header("prefer", "respond-async");
        let answer = call.header("x-offpeak-webhook", webhook).send().await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.job().to_owned()
    };
    let by_url = ask("by its URL", &at(&receiver, "/run?7")).await;
    let by_id = ask("by its id", made["id"].as_str().unwrap()).await;
    gateway.http.post("/v1/chat/completions", &chat("nobody is named")).send().await.echoes("nobody is named");
    for (path, job) in [("/run", by_url), ("/hook", by_id)] {
        let heard = hears(&receiver, path, 1).await;
        assert_eq!((&heard[0]["type"], &heard[0]["data"]["id"]), (&json!("job.completed"), &json!(job)));
    }
    let unknown = gateway.http.post("/v1/chat/completions", &chat("to a stranger"));
    let refused = unknown.header("x-offpeak-webhook", "https://example.com/hook").send().await;
    assert_eq!(refused.error(400), "invalid_header");
}

#[tokio::test]
async fn private_addresses_are_refused_at_registration() {
    let receiver = Recorder::answering("{}").await;
    let upstream = Upstream::slow(Duration::from_millis(10)).await;
    let gateway = Gateway::before(&upstream).start().await;
    for url in [
        at(&receiver, "/hook"),
        at(&receiver, "/hook").replace("http:", "https:"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[::1]/".to_owned(),
        "https://10.0.0.7/".to_owned(),
        "https://localhost/".to_owned(),
        "https://user:pass@example.com/".to_owned(),
    ] {
        let about = json!({"name": "test", "url": url, "event_types": []});
        let refused = gateway.http.post(ENDPOINTS, &about).send().await;
        assert_eq!(refused.error(400), "invalid_value", "{url}: {refused:?}");
        assert_eq!(refused.json()["error"]["param"], "url");
    }
    assert_eq!(receiver.calls("/hook").len(), 0);
}

/// Also at delivery: who was registered while it was allowed is not called once it is not.
#[tokio::test]
async fn private_addresses_are_refused_at_delivery() {
    let receiver = Recorder::answering("{}").await;
    let upstream = Upstream::slow(Duration::from_millis(10)).await;
    let mut gateway = Gateway::before(&upstream).config(LOCAL).start().await;
    let made = register(&gateway.http, &at(&receiver, "/hook"), &["batch.completed"]).await;
    gateway.stop().await;
    let config = std::fs::read_to_string(gateway.home.join("offpeak.toml")).unwrap();
    gateway.home.write("offpeak.toml", &config.replace("allow_private = true", "allow_private = false"));
    gateway.start().await;
    let test = format!("{ENDPOINTS}/{}/test", made["id"].as_str().unwrap());
    let refused = gateway.http.post(&test, &json!({"event_type": "batch.completed"})).send().await;
    assert_eq!(refused.error(400), "webhook_endpoint_unreachable");
    assert_eq!(receiver.calls("/hook").len(), 0);
}

#[tokio::test]
async fn secrets_are_sealed_and_in_no_log() {
    let receiver = Recorder::answering("{}").await;
    let upstream = Upstream::slow(Duration::from_millis(10)).await;
    let gateway = Gateway::before(&upstream).config(LOCAL).verbose("json").start().await;
    let url = at(&receiver, "/hook?token=canary-7be0");
    let made = register(&gateway.http, &url, &["batch.completed"]).await;
    batch(&gateway.http, "one").await;
    hears(&receiver, "/hook", 1).await;
    let secret = made["signing_secret"].as_str().unwrap();
    let log = gateway.log();
    assert!(!log.contains(secret) && !log.contains("canary-7be0"), "a secret is logged");
    for file in gateway.home.files("data") {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{}", file.display());
    }
}
