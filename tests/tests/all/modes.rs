//! Whose key is used, who may be relayed, and which models there are.

use offpeak_tests::{Gateway, Load, Recorder, Upstream, chat};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_passthrough_keys_never_share_a_batch() {
    let upstream = Recorder::answering(r#"{"choices":[{"message":{"content":"x"}}]}"#).await;
    let gateway = Gateway::before_url(upstream.url()).auth("passthrough").window("500ms").start().await;
    let (one, other) = (gateway.http.with_key("sk-caller-one"), gateway.http.with_key("sk-caller-two"));
    let calls = (0..20).map(|number| {
        let http = if number % 2 == 0 { &one } else { &other };
        http.post(CHAT, &chat(&format!("of {} {number}", number % 2))).send()
    });
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let uploads = upstream.calls("/v1/files");
    assert!(uploads.len() >= 2);
    for upload in uploads {
        let key = upload.headers["authorization"].to_str().unwrap();
        let text = String::from_utf8_lossy(&upload.body);
        let (mine, others) = if key == "Bearer sk-caller-one" { ("of 0", "of 1") } else { ("of 1", "of 0") };
        assert!(text.contains(mine) && !text.contains(others), "{key} uploaded {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callers_key_is_what_the_provider_sees_and_nobody_finds_it_on_disk() {
    let upstream = Upstream::sound().await;
    let setup = Gateway::before(&upstream).auth("passthrough").own_key("sk-own-canary").verbose("text");
    let mut gateway = setup.start().await;
    let http = gateway.http.with_key("sk-caller-canary");
    Load::of(&http, "passthrough", 20).run().await.all_right(20);
    assert_eq!(upstream.counts().keys_seen.len(), 1, "only the caller's key goes upstream");
    gateway.stop().await;
    for key in ["sk-caller-canary", "sk-own-canary"] {
        assert_eq!(gateway.home.files_with(".", key), Vec::<std::path::PathBuf>::new(), "{key}");
    }
}

#[tokio::test]
async fn a_sealed_key_still_works_after_a_restart() {
    let upstream = Upstream::sound().await;
    let mut gateway = Gateway::before(&upstream).auth("passthrough").window("2s").start().await;
    let http = gateway.http.with_key("sk-caller");
    http.post(CHAT, &chat("first")).send().await.echoes("first");
    let accepted = http.post(CHAT, &chat("why?")).header("prefer", "respond-async").send().await;
    gateway.kill();
    gateway.start().await;
    gateway.job_is(&http, accepted.job(), "done").await;
    assert_eq!(upstream.counts().keys_seen.len(), 1);
}

#[tokio::test]
async fn passthrough_needs_a_key_and_keeps_callers_apart() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).auth("passthrough").start().await;
    assert_eq!(gateway.http.post(CHAT, &chat("why?")).send().await.error(401), "invalid_api_key");
    let (one, other) = (gateway.http.with_key("sk-1"), gateway.http.with_key("sk-2"));
    let answer = one.post(CHAT, &chat("why?")).send().await;
    answer.echoes("why?");
    let path = format!("/v1/jobs/{}", answer.job());
    assert_eq!(one.get(&path).send().await.status, 200);
    assert_eq!(other.get(&path).send().await.error(404), "job_not_found");
}

#[tokio::test]
async fn a_key_that_the_provider_refuses_fails_its_own_jobs_only() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).auth("passthrough").start().await;
    let (wrong, right) = (gateway.http.with_key("sk-invalid"), gateway.http.with_key("sk-right"));
    let accepted = wrong.post(CHAT, &chat("why?")).header("prefer", "respond-async").send().await;
    right.post(CHAT, &chat("and I?")).send().await.echoes("and I?");
    gateway.job_is(&wrong, accepted.job(), "failed").await;
}

#[tokio::test]
async fn passthrough_relays_the_callers_key() {
    let upstream = Recorder::answering("{}").await;
    let gateway = Gateway::before_url(upstream.url()).auth("passthrough").start().await;
    let answer = gateway.http.with_key("sk-caller").get("/v1/vector_stores?limit=3").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.calls("/v1/vector_stores")[0].headers["authorization"], "Bearer sk-caller");
    assert_eq!(gateway.http.get("/v1/files").send().await.error(401), "invalid_api_key");
}

#[tokio::test]
async fn keys_mode_relays_only_what_it_was_told_to_and_never_stored_things() {
    let upstream = Recorder::answering("{}").await;
    let config = "[auth]\nrelay_allow = [\"/v1/audio/\"]";
    let gateway = Gateway::before_url(upstream.url()).auth("keys").config(config).start().await;
    let http = gateway.http.with_key(gateway.key_of("acme").await);
    for path in ["/v1/whatever", "/v1/files/file-1/unknown", "/v1/batches/", "/v1/vector_stores", "/v1/responses/a/b"] {
        assert_eq!(http.get(path).send().await.error(404), "unknown_url", "{path}");
    }
    assert_eq!(http.get("/v1/responses/resp_1").send().await.error(404), "response_not_found");
    for path in ["/v1/audio/../files", "/v1/audio/%2e%2e/files"] {
        let status = http.get(path).send().await.status;
        assert!(status >= 400, "{path}: {status}");
    }
    assert!(upstream.calls("/v1/files").is_empty());
    let allowed = http.post("/v1/audio/speech", &json!({"input": "hi"})).send().await;
    assert_eq!(allowed.header("x-upstream"), "recorder");
    assert_eq!(upstream.calls("/v1/audio/speech")[0].headers["authorization"], "Bearer sk-own");
}

#[tokio::test]
async fn models_are_the_upstreams_where_a_route_takes_any() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let ids = |list: &Value| -> Vec<String> {
        list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect()
    };
    assert!(ids(&gateway.http.json("/v1/models").await).contains(&"gpt-5-mini".to_owned()));
    let shown = gateway.http.json("/v1/models/gpt-5-mini").await;
    assert_eq!((&shown["id"], &shown["object"]), (&json!("gpt-5-mini"), &json!("model")));
}

#[tokio::test]
async fn models_are_the_routes_where_they_name_them() {
    let upstream = Upstream::sound().await;
    let routes = "[[route]]\nmodel = \"small\"\nupstream_model = \"gpt-5-mini\"\n[[route]]\nmodel = \"gpt-4*\"";
    let gateway = Gateway::before(&upstream).auth("keys").config(routes).start().await;
    let http = gateway.http.with_key(gateway.key_of("acme").await);
    let list = http.json("/v1/models").await;
    let ids: Vec<&str> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["gpt-4.1-mini", "gpt-4o-mini", "small"], "the upstream's others have no route");
    assert_eq!(http.json("/v1/models/small").await["owned_by"], "simulated");
    assert_eq!(http.get("/v1/models/llama").send().await.error(404), "model_not_found");
}
