//! What callers are told at the deployed door.

use offpeak_tests::{Answer, chat, hello};
use offpeak_tests_aws::{Fact, World};
use serde_json::json;

const CHAT: &str = "/v1/chat/completions";

pub(crate) static REFUSED: Fact = Fact::new(|| Box::pin(refused()));
pub(crate) static APART: Fact = Fact::new(|| Box::pin(tenants_apart()));
pub(crate) static KEYED: Fact = Fact::new(|| Box::pin(keyed()));
pub(crate) static REVOKED: Fact = Fact::new(|| Box::pin(revoked()));
pub(crate) static UNLISTED: Fact = Fact::new(|| Box::pin(unlisted()));
pub(crate) static NIGHTLY: Fact = Fact::new(|| Box::pin(nightly()));

#[test]
fn what_cannot_be_accepted_is_refused_in_openais_envelope() {
    REFUSED.holds();
}

#[test]
fn a_tenants_job_is_not_found_by_another() {
    APART.holds();
}

#[test]
fn a_key_names_one_job() {
    KEYED.holds();
}

#[test]
fn a_revoked_key_opens_nothing() {
    REVOKED.holds();
}

#[test]
fn without_the_job_index_jobs_cannot_be_listed() {
    UNLISTED.holds();
}

#[test]
fn a_nightly_job_stays_while_soon_departs() {
    NIGHTLY.holds();
}

fn is_final(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.error(status), code);
    assert_ne!(answer.header("x-should-retry"), "true", "{answer:?}");
}

async fn refused() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let http = world.tenant("refused").await;
    is_final(&http.post(CHAT, &json!({"model": "gpt-4.1-mini"})).send().await, 400, "missing_required_parameter");
    is_final(&http.post_bytes(CHAT, "{").send().await, 400, "invalid_json");
    is_final(&http.post(CHAT, &json!({"model": "llama", "messages": []})).send().await, 404, "model_not_found");
    is_final(&http.get("/v1/nothing/there").send().await, 404, "unknown_url");
    is_final(&http.post(CHAT, &chat(&"x".repeat(4 << 20))).send().await, 413, "request_too_large");
    let stranger = world.stack.http();
    is_final(&stranger.post(CHAT, &hello()).send().await, 401, "invalid_api_key");
    is_final(&stranger.with_key("sk-offpeak-wrong").post(CHAT, &hello()).send().await, 401, "invalid_api_key");
}

async fn tenants_apart() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let (ours, theirs) = (world.tenant("ours").await, world.tenant("theirs").await);
    let job = ours.post(CHAT, &chat("ours")).header("prefer", "respond-async").send().await;
    let job = job.job();
    for path in [format!("/v1/jobs/{job}"), format!("/v1/jobs/{job}/result")] {
        is_final(&theirs.get(&path).send().await, 404, "job_not_found");
    }
    is_final(&theirs.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).send().await, 404, "job_not_found");
    world.job_is(&ours, job, "done").await;
    ours.get(&format!("/v1/jobs/{job}/result")).send().await.echoes("ours");
    is_final(&theirs.get(&format!("/v1/jobs/{job}/result")).send().await, 404, "job_not_found");
}

async fn keyed() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let http = world.tenant("keyed").await;
    let ask = |text: &str| http.post(CHAT, &chat(text)).header("idempotency-key", "invoice-1");
    let (first, again) = (ask("one").send().await, ask("one").send().await);
    assert_eq!(first.error(503), "result_pending");
    // On a busy machine the answer may be there already.
    assert!(again.status == 200 || again.error(503) == "result_pending", "{again:?}");
    assert_eq!(first.job(), again.job());
    let other = ask("two").send().await;
    is_final(&other, 409, "idempotency_key_reused");
    world.job_is(&http, first.job(), "done").await;
    let (answer, repeated) = (ask("one").send().await, ask("one").send().await);
    answer.echoes("one");
    assert_eq!((answer.job(), &answer.body), (first.job(), &repeated.body));
}

async fn revoked() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let made = world.operator(&json!({"command": "keys create", "tenant": "gone"})).await;
    let key = made["key"].as_str().expect("a key");
    let listed = world.operator(&json!({"command": "keys list"})).await;
    assert!(listed["keys"].as_array().is_some_and(|keys| keys.contains(&made["about"])), "{made} is not in {listed}");
    assert!(!listed.to_string().contains(key), "a listing shows a key");
    world.operator(&json!({"command": "keys revoke", "key": key})).await;
    let answer = world.stack.http().with_key(key).post(CHAT, &hello()).send().await;
    is_final(&answer, 401, "invalid_api_key");
}

async fn unlisted() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let http = world.tenant("unlisted").await;
    let answer = http.get("/v1/jobs").send().await;
    is_final(&answer, 501, "no_job_index");
}

async fn nightly() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let http = world.tenant("nightly").await;
    let call = |text: &str| http.post(CHAT, &chat(text)).header("prefer", "respond-async");
    let late = call("later").header("x-offpeak-class", "nightly").send().await;
    assert_eq!(late.status, 202, "{late:?}");
    let soon = call("sooner").send().await;
    world.job_is(&http, soon.job(), "done").await;
    let shown = http.json(&format!("/v1/jobs/{}", late.job())).await;
    assert_eq!(shown["status"], "queued", "{shown}");
    let cancelled = http.post(&format!("/v1/jobs/{}/cancel", late.job()), &json!({})).send().await;
    assert_eq!(cancelled.json()["status"], "cancelled", "{cancelled:?}");
}
