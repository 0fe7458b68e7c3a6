//! The ways to wait for an answer.

use std::time::{Duration, Instant};

use offpeak_tests::{Gateway, Upstream, chat, embeddings};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_held_call_gets_its_answer() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let answer = gateway.http.post(CHAT, &chat("why?")).send().await;
    answer.echoes("why?");
    assert_eq!(answer.header("content-type"), "application/json");
    let vectors = gateway.http.post("/v1/embeddings", &embeddings("tea")).send().await;
    assert_eq!(vectors.json()["data"][0]["object"], "embedding", "{vectors:?}");
    let shown = gateway.http.json(&format!("/v1/jobs/{}", vectors.job())).await;
    assert_eq!((&shown["status"], &shown["endpoint"]), (&json!("done"), &json!("/v1/embeddings")));
    gateway.passes_audit().await;
}

#[tokio::test]
async fn a_call_held_too_long_is_told_to_come_back_to_its_job() {
    let upstream = Upstream::slow(Duration::from_millis(1_500)).await;
    let config = "[waiting]\nretry_after = \"7s\"";
    let gateway = Gateway::before(&upstream).hold("200ms").config(config).start().await;
    let first = gateway.http.post(CHAT, &chat("why?")).send().await;
    assert_eq!(first.error(503), "result_pending");
    assert_eq!((first.header("retry-after"), first.header("x-should-retry")), ("7", "true"));
    assert!(first.json()["error"]["message"].as_str().unwrap().contains(first.job()));
    gateway.job_is(&gateway.http, first.job(), "done").await;
    let again = gateway.http.post(CHAT, &chat("why?")).retry(1).send().await;
    again.echoes("why?");
    assert_eq!(again.job(), first.job());
    assert_eq!(upstream.counts().lines_run, 1);
}

#[tokio::test]
async fn prefer_wait_shortens_the_hold() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).window("1h").start().await;
    // The first jobs after a start depart at once.
    gateway.http.post(CHAT, &chat("first")).send().await.echoes("first");
    let began = Instant::now();
    let answer = gateway.http.post(CHAT, &chat("why?")).header("prefer", "wait=1").send().await;
    assert_eq!(answer.error(503), "result_pending");
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(20), "{took:?}");
}

#[tokio::test]
async fn a_call_is_never_held_past_its_clients_read_timeout() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).window("1h").start().await;
    gateway.http.post(CHAT, &chat("first")).send().await.echoes("first");
    let call = gateway.http.post(CHAT, &chat("why?")).header("x-stainless-read-timeout", "2");
    let began = Instant::now();
    assert_eq!(call.send().await.error(503), "result_pending");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn respond_async_answers_at_once_and_the_result_is_fetched_later() {
    let upstream = Upstream::slow(Duration::from_millis(500)).await;
    let gateway = Gateway::before(&upstream).start().await;
    let accepted = gateway.http.post(CHAT, &chat("why?")).header("prefer", "respond-async").send().await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let job = accepted.job().to_owned();
    assert_eq!(accepted.header("location"), format!("/v1/jobs/{job}"));
    assert_eq!(accepted.header("preference-applied"), "respond-async");
    assert_eq!(accepted.json(), json!({"id": job, "object": "job", "status": "queued"}));
    let early = gateway.http.get(&format!("/v1/jobs/{job}/result")).header("prefer", "wait=0").send().await;
    assert_eq!(early.error(503), "result_pending");
    let done = gateway.job_is(&gateway.http, &job, "done").await;
    assert_eq!((&done["response_status"], &done["model"]), (&json!(200), &json!("gpt-4.1-mini")));
    assert!(done["finished_at"].as_u64() >= done["created_at"].as_u64());
    let result = gateway.http.get(&format!("/v1/jobs/{job}/result")).send().await;
    result.echoes("why?");
    let again = gateway.http.get(&format!("/v1/jobs/{job}/result")).send().await;
    assert_eq!(again.body, result.body);
}

#[tokio::test]
async fn a_result_may_be_awaited() {
    let upstream = Upstream::slow(Duration::from_millis(500)).await;
    let gateway = Gateway::before(&upstream).start().await;
    let accepted = gateway.http.post(CHAT, &chat("why?")).header("prefer", "respond-async").send().await;
    gateway.http.get(&format!("/v1/jobs/{}/result", accepted.job())).send().await.echoes("why?");
}

#[tokio::test]
async fn a_result_fetched_beside_a_held_call_leaves_that_its_answer() {
    let upstream = Upstream::slow(Duration::from_secs(1)).await;
    let gateway = Gateway::before(&upstream).start().await;
    for number in 0..4 {
        let question = format!("q{number}");
        let held = tokio::spawn(gateway.http.post(CHAT, &chat(&question)).send());
        let page = offpeak_tests::until("a listed job", offpeak_tests::PATIENCE, async || {
            let page = gateway.http.json("/v1/jobs").await;
            (page["data"].as_array().unwrap().len() == number + 1).then_some(page)
        })
        .await;
        let path = format!("/v1/jobs/{}/result", page["first_id"].as_str().unwrap());
        gateway.http.get(&path).send().await.echoes(&question);
        held.await.unwrap().echoes(&question);
    }
    assert_eq!(upstream.counts().lines_run, 4);
}

#[tokio::test]
async fn a_head_of_a_result_does_not_take_it() {
    let upstream = Upstream::slow(Duration::from_millis(500)).await;
    let gateway = Gateway::before(&upstream).hold("0s").config("[waiting]\nnot_ready_status = 422").start().await;
    let first = gateway.http.post(CHAT, &chat("why?")).send().await;
    gateway.job_is(&gateway.http, first.job(), "done").await;
    let path = format!("/v1/jobs/{}/result", first.job());
    let head = gateway.http.call(hyper::Method::HEAD, &path).send().await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let again = gateway.http.post(CHAT, &chat("why?")).send().await;
    assert_eq!((again.status, again.job()), (200, first.job()));
}

#[tokio::test]
async fn the_poll_idiom_repeats_a_request_until_it_is_no_longer_422() {
    let upstream = Upstream::slow(Duration::from_millis(600)).await;
    let config = "[waiting]\nnot_ready_status = 422\nretry_after = \"1s\"";
    let gateway = Gateway::before(&upstream).hold("0s").config(config).start().await;
    let first = gateway.http.post(CHAT, &chat("why?")).send().await;
    assert_eq!(first.error(422), "result_pending");
    assert_eq!(first.header("x-should-retry"), "true");
    let second = gateway.http.post(CHAT, &chat("why?")).send().await;
    assert_eq!((second.error(422).as_str(), second.job()), ("result_pending", first.job()));
    gateway.job_is(&gateway.http, first.job(), "done").await;
    let last = gateway.http.post(CHAT, &chat("why?")).send().await;
    last.echoes("why?");
    assert_eq!(last.job(), first.job());
    // Tomorrow's run does not get today's answer.
    let tomorrow = gateway.http.post(CHAT, &chat("why?")).send().await;
    assert_ne!(tomorrow.job(), first.job());
}

#[tokio::test]
async fn with_redirects_a_call_is_sent_on_to_its_result() {
    let upstream = Upstream::slow(Duration::from_millis(700)).await;
    let config = "[waiting]\nredirect = true";
    let gateway = Gateway::before(&upstream).hold("300ms").config(config).start().await;
    let first = gateway.http.post(CHAT, &chat("why?")).send().await;
    assert_eq!(first.status, 303, "{first:?}");
    let mut answer = first.clone();
    for hop in 1..18 {
        assert_eq!(answer.header("location"), format!("/v1/jobs/{}/result?hop={hop}", first.job()));
        answer = gateway.http.get(answer.header("location")).send().await;
        if answer.status != 303 {
            break;
        }
    }
    answer.echoes("why?");
    let last = gateway.http.get(&format!("/v1/jobs/{}/result?hop=18", first.job())).send().await;
    last.echoes("why?");
}

#[tokio::test]
async fn a_queued_job_is_cancelled_at_once() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).window("1h").start().await;
    gateway.http.post(CHAT, &chat("first")).send().await.echoes("first");
    let held = tokio::spawn(gateway.http.post(CHAT, &chat("why?")).send());
    gateway.jobs_are(1, "queued").await;
    let page = gateway.http.json("/v1/jobs?status=queued").await;
    let job = page["data"][0]["id"].as_str().unwrap();
    let cancelled = gateway.http.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).send().await;
    assert_eq!((cancelled.status, &cancelled.json()["status"]), (200, &json!("cancelled")));
    let told = held.await.unwrap();
    assert_eq!((told.error(410).as_str(), told.header("x-should-retry")), ("job_cancelled", "false"));
    let result = gateway.http.get(&format!("/v1/jobs/{job}/result")).send().await;
    assert_eq!(result.error(410), "job_cancelled");
    let again = gateway.http.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).send().await;
    assert_eq!(again.json()["status"], "cancelled");
    gateway.passes_audit().await;
}

#[tokio::test]
async fn an_overdue_job_expires() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).window("1h").start().await;
    gateway.http.post(CHAT, &chat("first")).send().await.echoes("first");
    let call = gateway.http.post(CHAT, &chat("why?")).header("x-offpeak-deadline", "100ms");
    let accepted = call.header("prefer", "respond-async").send().await;
    gateway.job_is(&gateway.http, accepted.job(), "expired").await;
    let result = gateway.http.get(&format!("/v1/jobs/{}/result", accepted.job())).send().await;
    assert_eq!((result.error(504).as_str(), result.header("x-should-retry")), ("job_expired", "false"));
}

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages_and_by_status() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).window("1h").start().await;
    gateway.http.post(CHAT, &chat("first")).send().await.echoes("first");
    let mut jobs = Vec::new();
    for number in 0..5 {
        let call = gateway.http.post(CHAT, &chat(&format!("q{number}"))).header("prefer", "respond-async");
        let accepted = call.header("x-offpeak-tag", "team-a").send().await;
        jobs.insert(0, accepted.job().to_owned());
    }
    let mut listed: Vec<Value> = Vec::new();
    let mut path = "/v1/jobs?limit=2&status=queued".to_owned();
    loop {
        let page = gateway.http.json(&path).await;
        assert_eq!(page["object"], "list");
        listed.extend(page["data"].as_array().unwrap().iter().cloned());
        if page["has_more"] == json!(false) {
            break;
        }
        path = format!("/v1/jobs?limit=2&status=queued&after={}", page["last_id"].as_str().unwrap());
    }
    let ids: Vec<&str> = listed.iter().map(|job| job["id"].as_str().unwrap()).collect();
    assert_eq!(ids, jobs);
    assert!(listed.iter().all(|job| job["tag"] == "team-a" && job["class"] == "soon" && job["attempt"] == 1));
    let done = gateway.http.json("/v1/jobs?status=done").await;
    assert_eq!(done["data"].as_array().unwrap().len(), 1);
    assert_eq!(gateway.http.json("/v1/jobs").await["data"].as_array().unwrap().len(), 6);
}
