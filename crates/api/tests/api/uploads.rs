//! Uploads: parts become one file, in the order that their caller names, once.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use offpeak_api::{BatchRules, Rules};
use offpeak_core::batch::InputRule;
use offpeak_core::flows::sweep_native;
use offpeak_core::ports::Files as _;
use serde_json::{Value, json};

use crate::door::{Door, Got, rules};
use crate::form::{Form, LINE};

const UPLOADS: &str = "/v1/uploads";

fn declared(bytes: usize) -> Value {
    json!({"filename": "big input.jsonl", "purpose": "batch", "bytes": bytes, "mime_type": "application/jsonl"})
}

async fn begin(door: &Door, bytes: usize) -> String {
    let upload = door.post(UPLOADS, &declared(bytes)).await.ok();
    format!("{UPLOADS}/{}", upload["id"].as_str().unwrap())
}

async fn send(door: &Door, upload: &str, data: &str) -> Got {
    Form::default().file("data", "blob", data).post(door, &format!("{upload}/parts")).await
}

async fn part(door: &Door, upload: &str, data: &str) -> String {
    send(door, upload, data).await.ok()["id"].as_str().unwrap().to_owned()
}

async fn complete(door: &Door, upload: &str, order: &[&String]) -> Got {
    door.post(&format!("{upload}/complete"), &json!({"part_ids": order})).await
}

#[tokio::test(start_paused = true)]
async fn parts_become_a_file_in_the_order_that_is_named() {
    let door = Door::new(rules());
    let (head, tail) = LINE.split_at(20);
    let created = door.post(UPLOADS, &declared(LINE.len())).await.ok();
    let at = created["created_at"].as_u64().unwrap();
    let want = json!({
        "id": created["id"], "object": "upload", "bytes": LINE.len(), "created_at": at, "expires_at": at + 3_600,
        "filename": "big input.jsonl", "purpose": "batch", "status": "pending", "file": null,
    });
    assert_eq!(created, want);
    let upload = format!("{UPLOADS}/{}", created["id"].as_str().unwrap());
    let second = part(&door, &upload, tail).await;
    let unused = part(&door, &upload, "unused").await;
    let first = send(&door, &upload, head).await.ok();
    let want = json!({"id": first["id"], "object": "upload.part", "created_at": at, "upload_id": created["id"]});
    assert_eq!(first, want);
    let first = first["id"].as_str().unwrap().to_owned();
    let done = complete(&door, &upload, &[&first, &second]).await.ok();
    assert_eq!((&done["status"], &done["file"]["bytes"]), (&json!("completed"), &json!(LINE.len())));
    assert_eq!(done["file"]["filename"], "big input.jsonl");
    let content = format!("/v1/files/{}/content", done["file"]["id"].as_str().unwrap());
    assert_eq!(door.get(&content).await.text(), LINE);
    assert_eq!(door.fakes.objects.names().len(), 1, "the parts are gone");
    let again = complete(&door, &upload, &[&second, &first, &unused]).await.ok();
    assert_eq!(again["file"], done["file"], "the upload is one file, whatever a repeat says");
    assert_eq!(send(&door, &upload, "late").await.error(400).2, json!("invalid_upload_status"));
}

#[tokio::test]
async fn parts_that_are_not_what_was_declared_can_be_put_right() {
    let door = Door::new(rules());
    let upload = begin(&door, LINE.len()).await;
    let (head, tail) = LINE.split_at(20);
    let (first, second) = (part(&door, &upload, head).await, part(&door, &upload, tail).await);
    let foreign = "part_00000000000000000000000000000000".to_owned();
    for order in [vec![&first], vec![], vec![&first, &first], vec![&first, &second, &foreign], vec![&foreign]] {
        let (_, param, code) = complete(&door, &upload, &order).await.error(400);
        assert_eq!((param, code), (json!("part_ids"), json!("invalid_value")), "{order:?}");
    }
    let wrong_order = complete(&door, &upload, &[&second, &first]).await;
    assert!(wrong_order.error(400).0.contains("Must be .jsonl"));
    let sum = |md5: &str| json!({"part_ids": [first, second], "md5": md5});
    let path = format!("{upload}/complete");
    for md5 in ["00000000000000000000000000000000", "short", "zz000000000000000000000000000000"] {
        assert_eq!(door.post(&path, &sum(md5)).await.error(400).1, json!("md5"));
    }
    // md5sum of LINE.
    door.post(&path, &sum("6F4BC5F0E6FD7D5D4FB9A3C9E3D2F4B1")).await.error(400);
    assert_eq!(door.fakes.files.snapshot(), []);
    assert_eq!(door.fakes.objects.names().len(), 2, "the parts, and nothing else");
    complete(&door, &upload, &[&first, &second]).await.ok();
}

#[tokio::test]
async fn a_right_sum_is_taken_in_either_case() {
    let door = Door::new(rules());
    for md5 in ["49f68a5c8493ec2c0bf489821c21fc3b", "49F68A5C8493EC2C0BF489821C21FC3B"] {
        let asked = json!({"filename": "a.txt", "purpose": "user_data", "bytes": 2, "mime_type": "text/plain"});
        let upload = format!("{UPLOADS}/{}", door.post(UPLOADS, &asked).await.ok()["id"].as_str().unwrap());
        let id = part(&door, &upload, "hi").await;
        door.post(&format!("{upload}/complete"), &json!({"part_ids": [id], "md5": md5})).await.ok();
    }
}

#[tokio::test]
async fn parts_and_completions_at_once_lose_nothing_and_make_one_file() {
    let door = Door::new(rules());
    let lines: Vec<String> = (0..40).map(|number| format!("{{\"line\":{number}}}\n")).collect();
    let upload = begin(&door, lines.concat().len()).await;
    let parts = join_all(lines.iter().map(|line| part(&door, &upload, line))).await;
    let order: Vec<&String> = parts.iter().collect();
    let done = join_all((0..5).map(|_| complete(&door, &upload, &order))).await;
    let files: Vec<Value> = done.iter().map(|got| got.ok()["file"].clone()).collect();
    assert!(files.iter().all(|file| *file == files[0]), "{files:?}");
    assert_eq!(
        door.get(&format!("/v1/files/{}/content", files[0]["id"].as_str().unwrap())).await.text(),
        lines.concat()
    );
    assert_eq!((door.fakes.files.snapshot().len(), door.fakes.objects.names().len()), (1, 1));
}

#[tokio::test]
async fn who_was_killed_before_the_files_row_is_repeated() {
    let door = Door::new(rules());
    let upload = begin(&door, LINE.len()).await;
    let id = part(&door, &upload, LINE).await;
    let done = complete(&door, &upload, &[&id]).await.ok();
    let row = door.fakes.files.snapshot().remove(0);
    door.fakes.files.delete(row.id).await.unwrap();
    assert_eq!(complete(&door, &upload, &[&id]).await.ok(), done);
    assert_eq!(door.fakes.files.snapshot(), std::slice::from_ref(&row));
    door.delete(&format!("/v1/files/{}", row.id)).await.ok();
    assert_eq!(complete(&door, &upload, &[&id]).await.error(400).2, json!("invalid_upload_status"));
    assert_eq!(door.fakes.files.snapshot(), [], "a file that its caller deleted does not come back");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_or_expired_upload_takes_nothing_more() {
    let door = Door::new(rules());
    let (cancelled, expired) = (begin(&door, 4).await, begin(&door, 4).await);
    let ids = [part(&door, &cancelled, "{}\n\n").await, part(&door, &expired, "{}\n\n").await];
    for _ in 0..2 {
        let got =
            door.send(http::Request::post(format!("{cancelled}/cancel")).body(axum::body::Body::empty()).unwrap());
        assert_eq!(got.await.ok()["status"], "cancelled");
    }
    tokio::time::advance(Duration::from_hours(1)).await;
    for (upload, id, status) in [(&cancelled, &ids[0], "cancelled"), (&expired, &ids[1], "expired")] {
        for got in [send(&door, upload, "x").await, complete(&door, upload, &[id]).await] {
            assert!(got.error(400).0.contains(&format!("'{status}'")));
        }
    }
    assert_eq!(door.post(&format!("{expired}/cancel"), &json!({})).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(door.fakes.objects.names().len(), 1);
    tokio::time::advance(Duration::from_hours(26)).await;
    let swept = sweep_native::retire(&door.ports, door.fakes.swept(), 1).await.unwrap();
    assert_eq!((swept.uploads, swept.objects, door.fakes.objects.names().len()), (2, 1, 0));
}

#[tokio::test]
async fn what_an_upload_may_not_say_is_refused_by_name() {
    let strict = Rules { batches: BatchRules { input: InputRule::Strict, any_window: false }, ..rules() };
    let (door, strict) = (Door::new(rules()), Door::new(strict));
    let with = |name: &str, value: Value| {
        let mut asked = declared(9);
        asked[name] = value;
        asked
    };
    for (asked, param, code) in [
        (json!({}), "filename", "missing_required_parameter"),
        (with("filename", json!(1)), "filename", "invalid_type"),
        (with("purpose", json!("batch_output")), "purpose", "invalid_value"),
        (with("bytes", json!(0)), "bytes", "integer_below_min_value"),
        (with("bytes", json!(8_589_934_593_u64)), "bytes", "integer_above_max_value"),
        (with("bytes", json!("9")), "bytes", "invalid_type"),
        (with("bytes", json!(1.5)), "bytes", "invalid_type"),
        (with("mime_type", Value::Null), "mime_type", "missing_required_parameter"),
        (with("mime_type", json!("x".repeat(256))), "mime_type", "string_above_max_length"),
        (with("expires_after", json!({})), "expires_after.anchor", "missing_required_parameter"),
        (with("expires_after", json!(7)), "expires_after", "invalid_type"),
        (with("colour", json!("red")), "colour", "unknown_parameter"),
    ] {
        let (message, found, found_code) = door.post(UPLOADS, &asked).await.error(400);
        assert_eq!((found, found_code), (json!(param), json!(code)), "{message}");
    }
    assert!(door.post(UPLOADS, &with("filename", json!("a.txt"))).await.error(400).0.contains("Must be .jsonl"));
    assert_eq!(strict.post(UPLOADS, &declared(200_000_001)).await.error(400).2, json!("integer_above_max_value"));
    strict.post(UPLOADS, &declared(200_000_000)).await.ok();
    door.post(UPLOADS, &declared(200_000_001)).await.ok();
    let upload = begin(&door, 4).await;
    let parts = format!("{upload}/parts");
    let no_data = Form::default().post(&door, &parts).await;
    assert_eq!(no_data.error(400).1, json!("data"));
    let twice = Form::default().file("data", "a", "1").file("data", "b", "2").post(&door, &parts).await;
    assert_eq!(twice.error(400).1, json!("data"));
    assert_eq!(Form::default().field("x", "1").post(&door, &parts).await.error(400).2, json!("unknown_parameter"));
    // As curl sends it: no name of a file.
    Form::default().field("data", "1").post(&door, &parts).await.ok();
}
