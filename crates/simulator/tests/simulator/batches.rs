use std::time::{Duration, Instant};

use offpeak_simulator::{Faults, Options};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::upstream::{Upstream, chat_lines, order, text};

fn delayed(batch_delay_ms: u64) -> Options {
    Options { batch_delay_ms, ..Options::default() }
}

#[tokio::test]
async fn a_batch_is_completed_by_its_first_poll() {
    let upstream = Upstream::sound().await;
    let file = upstream.upload(&chat_lines(20)).await;
    let mut ordered = order(&file, "/v1/chat/completions");
    ordered["metadata"] = json!({ "submission": "sub_1" });
    let created = upstream.post_json("/v1/batches", &ordered).await;

    assert_eq!((&created["object"], &created["status"]), (&json!("batch"), &json!("validating")));
    assert_eq!(created["metadata"], json!({ "submission": "sub_1" }));
    assert_eq!(created["expires_at"].as_u64().unwrap(), created["created_at"].as_u64().unwrap() + 86_400);
    for absent in ["errors", "output_file_id", "in_progress_at", "failed_at", "expired_at", "cancelling_at", "usage"] {
        assert_eq!(created.get(absent), Some(&Value::Null), "{absent}");
    }

    let batch = upstream.poll(&created).await;
    assert_eq!(batch["status"], "completed");
    assert_eq!(batch["request_counts"], json!({ "total": 20, "completed": 20, "failed": 0 }));
    assert_eq!((&batch["model"], &batch["input_file_id"]), (&json!("gpt-4o-mini"), &json!(file)));
    assert!(batch["in_progress_at"].is_u64() && batch["finalizing_at"].is_u64() && batch["completed_at"].is_u64());
    assert!(batch["usage"]["total_tokens"].as_u64().unwrap() > 0);
    assert_eq!(batch["error_file_id"], Value::Null);

    let answers = upstream.answers(&batch, "/output_file_id").await;
    assert_eq!(answers.len(), 20);
    let answer = &answers["r7"];
    assert!(text(answer, "/id").starts_with("batch_req_"));
    assert_eq!((&answer["error"], &answer["response"]["status_code"]), (&Value::Null, &json!(200)));
    assert_eq!(answer["response"]["body"]["choices"][0]["message"]["content"], "echo: q7");
    assert_eq!(
        upstream.get_json(&format!("/v1/files/{}", text(&batch, "/output_file_id"))).await["purpose"],
        "batch_output"
    );
}

#[tokio::test]
async fn a_delayed_batch_goes_through_its_states() {
    let upstream = Upstream::start(delayed(400)).await;
    let created = upstream.create(&chat_lines(2)).await;
    let started = Instant::now();
    let mut seen = vec![text(&created, "/status")];
    while seen.last().unwrap() != "completed" {
        assert!(started.elapsed() < Duration::from_secs(10), "{seen:?}");
        let status = text(&upstream.poll(&created).await, "/status");
        if seen.last() != Some(&status) {
            seen.push(status);
        }
    }
    assert_eq!(seen, ["validating", "in_progress", "finalizing", "completed"]);
    assert!(started.elapsed() >= Duration::from_millis(390));
}

#[tokio::test]
async fn a_batch_runs_even_if_nobody_polls_it() {
    let upstream = Upstream::sound().await;
    upstream.create(&chat_lines(5)).await;
    while upstream.counts().lines_run < 5 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(upstream.counts().polls, 0);
}

#[tokio::test]
async fn a_cancelled_batch_keeps_what_was_done() {
    let upstream = Upstream::with_faults(Faults { stuck_batches: 1, ..Faults::default() }).await;
    let stuck = upstream.run(&chat_lines(10)).await;
    assert_eq!((&stuck["status"], &stuck["request_counts"]["total"]), (&json!("in_progress"), &json!(10)));

    let cancelling: Value = upstream.cancel(&stuck).await.json().await.unwrap();
    assert_eq!(cancelling["status"], "cancelling");
    assert!(cancelling["cancelling_at"].is_u64());
    let cancelled = upstream.poll(&stuck).await;
    assert_eq!(cancelled["status"], "cancelled");
    assert!(cancelled["cancelled_at"].is_u64() && cancelled["completed_at"].is_null());
    assert_eq!(upstream.lines(&cancelled, "/output_file_id").await.len(), 5);
    let unfinished = upstream.lines(&cancelled, "/error_file_id").await;
    assert_eq!(unfinished.len(), 5);
    assert!(unfinished.iter().all(|line| line["response"].is_null() && line["error"]["code"] == "batch_cancelled"));

    assert_eq!(upstream.cancel(&stuck).await.status(), StatusCode::OK);
    assert_eq!(upstream.counts().lines_run, 5);
}

#[tokio::test]
async fn a_batch_cancelled_while_it_is_validated_has_no_files() {
    let upstream = Upstream::start(delayed(2_000)).await;
    let created = upstream.create(&chat_lines(10)).await;
    upstream.cancel(&created).await;
    let mut batch = upstream.poll(&created).await;
    assert_eq!(batch["status"], "cancelling");
    while batch["status"] == "cancelling" {
        tokio::time::sleep(Duration::from_millis(20)).await;
        batch = upstream.poll(&created).await;
    }
    assert_eq!((&batch["status"], &batch["output_file_id"]), (&json!("cancelled"), &Value::Null));
    assert_eq!(upstream.counts().lines_run, 0);
}

#[tokio::test]
async fn a_finished_batch_cannot_be_cancelled() {
    let upstream = Upstream::sound().await;
    let batch = upstream.run(&chat_lines(1)).await;
    let refused = upstream.cancel(&batch).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["error"]["message"], "Cannot cancel a batch with status 'completed'.");
    assert_eq!(refused["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn an_expired_batch_has_done_half() {
    let upstream = Upstream::with_faults(Faults { expire_batches: 1, ..Faults::default() }).await;
    let batch = upstream.run(&chat_lines(9)).await;
    assert_eq!(batch["status"], "expired");
    assert!(batch["expired_at"].is_u64());
    assert_eq!(batch["request_counts"], json!({ "total": 9, "completed": 4, "failed": 5 }));
    assert_eq!(upstream.lines(&batch, "/output_file_id").await.len(), 4);
    let unfinished = upstream.lines(&batch, "/error_file_id").await;
    assert!(unfinished.iter().all(|line| line["response"].is_null() && line["error"]["code"] == "batch_expired"));
    assert_eq!(upstream.run(&chat_lines(9)).await["status"], "completed");
}

#[tokio::test]
async fn batches_fail_as_often_as_told() {
    let faults = Faults { fail_batches: 1, token_limit_batches: 1, ..Faults::default() };
    let upstream = Upstream::with_faults(faults).await;
    let limited = upstream.run(&chat_lines(1)).await;
    assert_eq!((&limited["status"], &limited["errors"]["object"]), (&json!("failed"), &json!("list")));
    assert_eq!(limited["errors"]["data"][0]["code"], "token_limit_exceeded");
    let failed = upstream.run(&chat_lines(1)).await;
    assert_eq!((&failed["status"], &failed["errors"]["data"][0]["code"]), (&json!("failed"), &json!("server_error")));
    assert!(failed["failed_at"].is_u64());
    assert_eq!(failed["request_counts"]["total"], 0);
    assert_eq!(upstream.run(&chat_lines(1)).await["status"], "completed");
    assert_eq!(upstream.counts().lines_run, 1);
}

#[tokio::test]
async fn batches_are_listed_newest_first_page_by_page() {
    let upstream = Upstream::sound().await;
    let file = upstream.upload(&chat_lines(1)).await;
    let mut ids = Vec::new();
    for _ in 0..25 {
        let batch = upstream.post_json("/v1/batches", &order(&file, "/v1/chat/completions")).await;
        ids.push(text(&batch, "/id"));
    }
    let first = upstream.get_json("/v1/batches").await;
    assert_eq!((first["data"].as_array().unwrap().len(), &first["has_more"]), (20, &json!(true)));
    assert_eq!((&first["first_id"], &first["last_id"]), (&json!(ids[24]), &json!(ids[5])));
    let second = upstream.get_json(&format!("/v1/batches?limit=5&after={}", ids[5])).await;
    assert_eq!((&second["first_id"], &second["has_more"]), (&json!(ids[4]), &json!(false)));
    assert_eq!(upstream.get("/v1/batches?limit=101").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(upstream.get("/v1/batches/batch_none").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(upstream.counts().list_calls, 3);
}

#[tokio::test]
async fn a_new_batch_can_be_missing_from_the_list() {
    let upstream = Upstream::with_faults(Faults { list_lag_ms: 150, ..Faults::default() }).await;
    upstream.create(&chat_lines(1)).await;
    assert_eq!(upstream.get_json("/v1/batches").await["data"], json!([]));
    tokio::time::sleep(Duration::from_millis(160)).await;
    assert_eq!(upstream.get_json("/v1/batches").await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn polls_fail_at_their_rate() {
    let upstream = Upstream::with_faults(Faults { poll_fail_rate: 0.5, ..Faults::default() }).await;
    let batch = upstream.create(&chat_lines(1)).await;
    let mut statuses = std::collections::BTreeMap::new();
    for _ in 0..200 {
        let poll = upstream.get(&format!("/v1/batches/{}", text(&batch, "/id"))).await;
        *statuses.entry(poll.status().as_u16()).or_insert(0) += 1;
    }
    assert_eq!(statuses.keys().copied().collect::<Vec<u16>>(), [200, 429, 500]);
    assert!(statuses[&200] > 60 && statuses[&429] > 20 && statuses[&500] > 20, "{statuses:?}");
    assert_eq!(upstream.counts().polls, 200);
}
