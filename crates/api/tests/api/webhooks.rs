//! Webhook endpoints as the official SDK manages them, and what requests name.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use offpeak_core::flows::notices::{Delivering, deliver_all};
use offpeak_core::notice::{EventType, Notice, State};
use offpeak_core::ports::{Delivered, Notices as _, Silence};
use serde_json::{Value, json};

use crate::door::{Door, Got, rules};

const ENDPOINTS: &str = "/v1/webhook_endpoints";

fn about() -> Value {
    json!({"name": "mine", "url": "https://hooks.example/a", "event_types": ["batch.completed", "job.cancelled"]})
}

async fn made(door: &Door) -> Value {
    door.post(ENDPOINTS, &about()).await.ok()
}

fn path(endpoint: &Value) -> String {
    format!("{ENDPOINTS}/{}", endpoint["id"].as_str().unwrap())
}

/// The same call with a key.
async fn keyed(door: &Door, key: &str, method: &str, path: &str, body: &Value) -> Got {
    let request = http::Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
    door.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// A chat completion that waits for nothing, with this header.
async fn naming(door: &Door, webhook: &str) -> Got {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "why?"}]});
    let request = http::Request::post("/v1/chat/completions").header("prefer", "respond-async");
    door.send(request.header("x-offpeak-webhook", webhook).body(Body::from(body.to_string())).unwrap()).await
}

async fn notify(door: &Door) -> Vec<Value> {
    let ways = Delivering { webhooks: Some(Arc::new(door.carrier.clone())), bus: None };
    deliver_all(&door.ports, &ways, u64::MAX).await.unwrap();
    door.carrier.take().into_iter().map(|sent| sent.body).collect()
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_created_shown_changed_and_deleted() {
    let door = Door::new(rules());
    let created = made(&door).await;
    let secret = created["signing_secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 6 + 44, "{secret}");
    let mut want = about();
    for (name, value) in [
        ("id", created["id"].clone()),
        ("object", json!("webhook_endpoint")),
        ("created_at", created["created_at"].clone()),
        ("updated_at", created["created_at"].clone()),
        ("signing_secret", json!(secret)),
        ("signing_secret_hint", json!(secret[secret.len() - 4..])),
    ] {
        want[name] = value;
    }
    assert_eq!(created, want);
    want.as_object_mut().unwrap().remove("signing_secret");
    assert_eq!(door.get(&path(&created)).await.ok(), want, "the secret is told once");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(door.post(&path(&created), &json!({"name": "mine"})).await.ok(), want, "nothing has changed");
    let changed = door.post(&path(&created), &json!({"event_types": ["response.failed"]})).await.ok();
    want["event_types"] = json!(["response.failed"]);
    want["updated_at"] = json!(created["created_at"].as_u64().unwrap() + 5);
    assert_eq!(changed, want);
    let deleted = door.delete(&path(&created)).await.ok();
    assert_eq!(deleted, json!({"id": created["id"], "object": "webhook_endpoint.deleted", "deleted": true}));
    door.get(&path(&created)).await.error(404);
    door.delete(&path(&created)).await.error(404);
}

#[tokio::test(start_paused = true)]
async fn endpoints_are_listed_newest_first_in_pages() {
    let door = Door::new(rules());
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, made(&door).await["id"].as_str().unwrap().to_owned());
    }
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = door.get(&format!("{ENDPOINTS}?limit=2{after}")).await.ok();
        let page_ids = page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        found.extend(page_ids);
        after = format!("&after={}", page["last_id"].as_str().unwrap());
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(found, ids);
    for query in ["after=we_x", "after=we_00000000000000000000000000000000"] {
        door.get(&format!("{ENDPOINTS}?{query}")).await.error(404);
    }
    door.get(&format!("{ENDPOINTS}?limit=0")).await.error(400);
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_rotated_and_told_once() {
    let door = Door::new(rules());
    let created = made(&door).await;
    let rotate = format!("{}/rotate_secret", path(&created));
    let rotated = door.post(&rotate, &json!({"keep_old_secret_active_for_24_hours": true})).await.ok();
    assert_ne!(rotated["signing_secret"], created["signing_secret"]);
    door.post(&format!("{}/test", path(&created)), &json!({"event_type": "batch.completed"})).await.ok();
    let signed = door.carrier.take().remove(0).secrets;
    assert_eq!(json!(signed), json!([rotated["signing_secret"], created["signing_secret"]]));
    door.send(http::Request::post(&rotate).body(Body::empty()).unwrap()).await.ok();
    door.post(&format!("{}/test", path(&created)), &json!({"event_type": "batch.completed"})).await.ok();
    assert_eq!(door.carrier.take().remove(0).secrets.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_test_tells_what_the_endpoint_answered() {
    let door = Door::new(rules());
    let created = made(&door).await;
    let test = format!("{}/test", path(&created));
    let about = json!({"event_type": "response.completed"});
    door.carrier.answer([Delivered::Answered { status: 418 }, Delivered::Unanswered(Silence::TimedOut)]);
    let want = json!({
        "object": "webhook_endpoint.test", "webhook_endpoint_id": created["id"], "event_type": "response.completed",
        "status_code": 418, "success": true,
    });
    assert_eq!(door.post(&test, &about).await.ok(), want);
    let (message, _, code) = door.post(&test, &about).await.error(400);
    assert_eq!(code, "webhook_endpoint_unreachable");
    assert!(message.contains("no answer in time"), "{message}");
    assert_eq!(door.carrier.take()[0].body["type"], "response.completed");
    assert_eq!(door.fakes.notices.snapshot(), [], "nobody is owed a test");
}

#[tokio::test(start_paused = true)]
async fn odd_endpoints_are_refused_with_the_field_at_fault() {
    let door = Door::new(rules());
    let long = |field: &str| json!({field: "x".repeat(3_000)});
    for (change, param) in [
        (json!({"url": null}), "url"),
        (json!({"name": null}), "name"),
        (json!({"event_types": null}), "event_types"),
        (json!({"url": "http://hooks.example"}), "url"),
        (json!({"url": "https://private/"}), "url"),
        (json!({"url": 7}), "url"),
        (long("url"), "url"),
        (long("name"), "name"),
        (json!({"event_types": "batch.completed"}), "event_types"),
        (json!({"event_types": ["batch.completed", "batch.done"]}), "event_types[1]"),
        (json!({"color": "red"}), "color"),
    ] {
        let mut body = about();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let (message, at, _) = door.post(ENDPOINTS, &body).await.error(400);
        assert_eq!(at, param, "{message}");
    }
    assert_eq!(door.get(ENDPOINTS).await.ok()["data"], json!([]));
    let created = made(&door).await;
    door.post(&format!("{}/test", path(&created)), &json!({"event_type": "x"})).await.error(400);
    door.post(&format!("{}/test", path(&created)), &json!({})).await.error(400);
    let twice = json!({"event_types": ["job.failed", "job.failed"]});
    assert_eq!(door.post(&path(&created), &twice).await.ok()["event_types"], json!(["job.failed"]));
}

#[tokio::test(start_paused = true)]
async fn another_tenants_endpoint_does_not_exist() {
    let door = Door::keyed(rules()).await;
    let created = keyed(&door, "acme", "POST", ENDPOINTS, &about()).await.ok();
    let (at, event) = (path(&created), json!({"event_type": "job.failed"}));
    for (method, path, body) in [
        ("GET", at.clone(), json!({})),
        ("POST", at.clone(), json!({"name": "theirs"})),
        ("DELETE", at.clone(), json!({})),
        ("POST", format!("{at}/rotate_secret"), json!({})),
        ("POST", format!("{at}/test"), event),
        ("GET", format!("{ENDPOINTS}?after={}", created["id"].as_str().unwrap()), json!({})),
    ] {
        let got = keyed(&door, "zenith", method, &path, &body).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{method} {path}: {}", got.text());
        assert_eq!(keyed(&door, "wrong", method, &path, &body).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(keyed(&door, "zenith", "GET", ENDPOINTS, &json!({})).await.ok()["data"], json!([]));
    assert_eq!(keyed(&door, "acme", "GET", &at, &json!({})).await.ok()["name"], "mine");
}

#[tokio::test(start_paused = true)]
async fn what_failed_for_good_is_listed_and_sent_again() {
    let door = Door::keyed(rules()).await;
    keyed(&door, "acme", "POST", ENDPOINTS, &about()).await.ok();
    let body = json!({"model": "m", "messages": []});
    let request = http::Request::post("/v1/chat/completions").header("prefer", "respond-async");
    let request = request.header("authorization", "Bearer acme").body(Body::from(body.to_string())).unwrap();
    let job = door.send(request).await.job();
    keyed(&door, "acme", "POST", &format!("/v1/jobs/{job}/cancel"), &json!({})).await.ok();
    let notice = door.fakes.notices.snapshot().remove(0);
    let last = Some("the receiver answered 500".to_owned());
    let dead = Notice { state: State::Dead { at_ms: 1 }, attempts: 10, last, ..notice.clone() };
    assert!(door.fakes.notices.replace(&dead).await.unwrap());
    let listed = keyed(&door, "acme", "GET", "/v1/webhook_deliveries", &json!({})).await.ok();
    let want = json!({
        "id": notice.id.text(), "object": "webhook_delivery", "created_at": notice.created_ms / 1_000,
        "event_id": notice.event_id().text(), "event_type": "job.cancelled", "object_id": job.text(),
        "webhook_endpoint_id": notice.receiver().unwrap().text(), "attempts": 10, "status": "failed",
        "last_error": "the receiver answered 500",
    });
    assert_eq!(listed["data"], json!([want]));
    let replay = format!("/v1/webhook_deliveries/{}/replay", notice.id);
    assert_eq!(keyed(&door, "zenith", "POST", &replay, &json!({})).await.status, StatusCode::NOT_FOUND);
    let none = keyed(&door, "zenith", "GET", "/v1/webhook_deliveries", &json!({})).await.ok();
    assert_eq!(none["data"], json!([]));
    assert_eq!(keyed(&door, "acme", "POST", &replay, &json!({})).await.ok()["status"], "pending");
    assert_eq!(notify(&door).await.len(), 1);
    assert_eq!(keyed(&door, "acme", "POST", &replay, &json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_request_names_whom_to_tell() {
    let door = Door::new(rules());
    let unknown = naming(&door, "https://hooks.example/").await;
    assert_eq!(unknown.error(400).2, "invalid_header");
    assert_eq!(door.fakes.jobs.snapshot().len(), 0, "a refused request is no job");
    let created = made(&door).await;
    for webhook in [created["id"].as_str().unwrap(), "https://hooks.example/b?c"] {
        let accepted = naming(&door, webhook).await;
        assert_eq!(accepted.status, StatusCode::ACCEPTED, "{}", accepted.text());
        door.answer(accepted.job(), 200, b"{}").await;
        assert!(door.fakes.jobs.row(accepted.job()).unwrap().request.webhook.is_some());
    }
    let long = format!("https://hooks.example/{}", "x".repeat(500));
    assert_eq!(naming(&door, &long).await.error(400).2, "invalid_header");
}

#[tokio::test(start_paused = true)]
async fn the_types_of_events_are_listed() {
    let door = Door::new(rules());
    let listed = door.get("/v1/webhook_event_types").await.ok();
    assert_eq!((&listed["object"], listed["data"].as_array().unwrap().len()), (&json!("list"), EventType::ALL.len()));
    assert_eq!(listed["data"][0], "batch.completed");
}
