use offpeak_simulator::{Faults, Options};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::upstream::{Upstream, chat_lines, text};

#[tokio::test]
async fn a_file_can_be_uploaded_read_and_deleted() {
    let upstream = Upstream::sound().await;
    let content = chat_lines(3);
    let file: Value = upstream.try_upload("my lines.jsonl", "batch", &content).await.unwrap().json().await.unwrap();
    let path = format!("/v1/files/{}", text(&file, "/id"));

    assert_eq!(file["object"], "file");
    assert_eq!(file["filename"], "my lines.jsonl");
    assert_eq!(file["purpose"], "batch");
    assert_eq!(file["status"], "processed");
    assert_eq!(file["status_details"], Value::Null);
    assert_eq!(file["bytes"], content.len());
    assert_eq!(file["expires_at"].as_u64().unwrap() - file["created_at"].as_u64().unwrap(), 2_592_000);
    assert_eq!(upstream.get_json(&path).await, file);

    let download = upstream.get(&format!("{path}/content")).await;
    assert_eq!(download.content_length(), Some(content.len() as u64));
    assert_eq!(download.text().await.unwrap(), content);

    let delete = || upstream.client.delete(format!("{}{path}", upstream.base)).bearer_auth("sk-test").send();
    let deleted: Value = delete().await.unwrap().json().await.unwrap();
    assert_eq!(deleted, json!({ "id": text(&file, "/id"), "object": "file", "deleted": true }));
    let again = delete().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_FOUND);
    let again: Value = again.json().await.unwrap();
    assert_eq!(again["error"]["message"], format!("No such File object: {}", text(&file, "/id")));
    assert_eq!(again["error"]["param"], "id");

    let counts = upstream.counts();
    assert_eq!((counts.files_uploaded, counts.files_deleted, counts.files_present), (1, 1, 0));
    assert_eq!((counts.bytes_in, counts.bytes_out), (content.len() as u64, content.len() as u64));
}

#[tokio::test]
async fn an_upload_for_batches_must_be_jsonl() {
    let upstream = Upstream::sound().await;
    for (name, content) in [("in.txt", "{}\n"), ("in.jsonl", ""), ("in.jsonl", "{nonsense\n{}\n")] {
        let refused = upstream.try_upload(name, "batch", content).await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{name} {content}");
        let refused: Value = refused.json().await.unwrap();
        assert_eq!(refused["error"]["message"], "Invalid file format for Batch API. Must be .jsonl");
    }
    let later_line_is_bad = upstream.try_upload("in.jsonl", "batch", "{}\n{nonsense\n").await.unwrap();
    assert_eq!(later_line_is_bad.status(), StatusCode::OK);
    let other_purpose = upstream.try_upload("notes.txt", "user_data", "").await.unwrap();
    assert_eq!(other_purpose.status(), StatusCode::OK);
    let unknown_purpose = upstream.try_upload("in.jsonl", "fun", "{}").await.unwrap();
    assert_eq!(unknown_purpose.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_upload_may_be_large_but_not_too_large() {
    let options = Options { max_file_bytes: 4 << 20, ..Options::default() };
    let upstream = Upstream::start(options).await;
    let large = format!("{{}}\n{}", " ".repeat((4 << 20) - 3));
    assert_eq!(upstream.try_upload("in.jsonl", "batch", &large).await.unwrap().status(), StatusCode::OK);
    let too_large = format!("{large} ");
    let refused = upstream.try_upload("in.jsonl", "batch", &too_large).await.unwrap();
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn files_are_listed_newest_first_page_by_page() {
    let upstream = Upstream::sound().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(upstream.upload("{}\n").await);
    }
    upstream.try_upload("notes.txt", "user_data", "").await.unwrap();

    let first = upstream.get_json("/v1/files?purpose=batch&limit=2").await;
    assert_eq!((&first["data"][0]["id"], &first["data"][1]["id"]), (&json!(ids[2]), &json!(ids[1])));
    assert_eq!((&first["has_more"], &first["last_id"]), (&json!(true), &json!(ids[1])));
    let second = upstream.get_json(&format!("/v1/files?purpose=batch&limit=2&after={}", ids[1])).await;
    assert_eq!((&second["first_id"], &second["has_more"]), (&json!(ids[0]), &json!(false)));
    let oldest = upstream.get_json("/v1/files?order=asc&limit=1").await;
    assert_eq!(oldest["data"][0]["id"], json!(ids[0]));
    assert_eq!(upstream.get("/v1/files?limit=0").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(upstream.get("/v1/files?after=file-none").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_upload_can_fail_or_be_cut_and_leaves_nothing() {
    let upstream = Upstream::with_faults(Faults { upload_fail: 1, upload_cut: 1, ..Faults::default() }).await;
    let content = chat_lines(10_000);
    assert!(upstream.try_upload("in.jsonl", "batch", &content).await.is_err());
    let failed = upstream.try_upload("in.jsonl", "batch", &content).await.unwrap();
    assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(upstream.counts().files_present, 0);
    assert_eq!(upstream.try_upload("in.jsonl", "batch", &content).await.unwrap().status(), StatusCode::OK);
}
