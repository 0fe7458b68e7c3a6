//! Keys and tenants: another tenant's id answers as if it were not there.

use std::time::{Duration, Instant};

use offpeak_tests::{Gateway, Http, Load, Upstream, chat, until};
use serde_json::json;

const CHAT: &str = "/v1/chat/completions";

struct Two {
    gateway: Gateway,
    upstream: Upstream,
    acme: Http,
    zenith: Http,
}

async fn two(window: &str) -> Two {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).auth("keys").window(window).start().await;
    let acme = gateway.http.with_key(gateway.key_of("acme").await);
    let zenith = gateway.http.with_key(gateway.key_of("zenith").await);
    Two { gateway, upstream, acme, zenith }
}

#[tokio::test]
async fn another_tenants_job_is_not_there() {
    let Two { gateway, acme, zenith, upstream: _upstream } = two("1h").await;
    acme.post(CHAT, &chat("first")).send().await.echoes("first");
    let queued = acme.post(CHAT, &chat("why?")).header("prefer", "respond-async").send().await;
    let job = queued.job();
    assert_eq!(zenith.get(&format!("/v1/jobs/{job}")).send().await.error(404), "job_not_found");
    assert_eq!(zenith.get(&format!("/v1/jobs/{job}/result")).send().await.error(404), "job_not_found");
    let cancel = format!("/v1/jobs/{job}/cancel");
    assert_eq!(zenith.post(&cancel, &json!({})).send().await.error(404), "job_not_found");
    assert_eq!(zenith.get(&format!("/v1/jobs?after={job}")).send().await.error(404), "job_not_found");
    assert_eq!(zenith.json("/v1/jobs").await["data"], json!([]));
    assert_eq!(acme.json(&format!("/v1/jobs/{job}")).await["status"], "queued");
    assert_eq!(acme.json("/v1/jobs").await["data"].as_array().unwrap().len(), 2);
    gateway.passes_audit().await;
}

#[tokio::test]
async fn tenants_share_neither_twins_nor_idempotency_keys() {
    let Two { upstream, acme, zenith, gateway: _gateway } = two("100ms").await;
    let ask = |http: &Http, text: &str| http.post(CHAT, &chat(text)).header("idempotency-key", "k").send();
    let (one, other) = tokio::join!(ask(&acme, "mine"), ask(&zenith, "yours"));
    one.echoes("mine");
    other.echoes("yours");
    let first = acme.post(CHAT, &chat("dice?")).send().await;
    let foreign = zenith.post(CHAT, &chat("dice?")).retry(1).send().await;
    assert_ne!(first.job(), foreign.job());
    assert_eq!(upstream.counts().lines_run, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_at_once_get_their_own_answers() {
    let Two { gateway, acme, zenith, upstream: _upstream } = two("100ms").await;
    let (one, other) = tokio::join!(Load::of(&acme, "acme", 100).run(), Load::of(&zenith, "zenith", 100).run());
    one.all_right(100);
    other.all_right(100);
    for http in [&acme, &zenith] {
        let page = http.json("/v1/jobs?limit=100").await;
        assert_eq!((page["data"].as_array().unwrap().len(), &page["has_more"]), (100, &json!(false)));
    }
    gateway.passes_audit().await;
}

#[tokio::test]
async fn a_new_key_works_at_once_and_a_revoked_one_no_longer_within_five_seconds() {
    let Two { gateway, acme, zenith, upstream: _upstream } = two("100ms").await;
    acme.post(CHAT, &chat("mine")).send().await.echoes("mine");
    let list = gateway.run(&["keys", "list"]).await;
    let row = list.out.lines().find(|line| line.ends_with(" acme")).unwrap();
    let id = row.split_whitespace().next().unwrap();
    let revoked = gateway.run(&["keys", "revoke", id]).await;
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    let began = Instant::now();
    until("a revoked key is refused", Duration::from_secs(10), async || {
        (acme.get("/v1/jobs").send().await.status == 401).then_some(())
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(acme.post(CHAT, &chat("again")).send().await.error(401), "invalid_api_key");
    zenith.post(CHAT, &chat("yours")).send().await.echoes("yours");
}

#[tokio::test]
async fn two_keys_of_one_tenant_see_the_same_jobs() {
    let Two { gateway, acme, upstream: _upstream, .. } = two("100ms").await;
    let answer = acme.post(CHAT, &chat("why?")).send().await;
    let colleague = gateway.http.with_key(gateway.key_of("acme").await);
    colleague.get(&format!("/v1/jobs/{}/result", answer.job())).send().await.echoes("why?");
}
