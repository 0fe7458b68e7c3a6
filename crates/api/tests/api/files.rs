//! Files: what is stored comes back, and what cannot be stored is refused and leaves nothing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use http::StatusCode;
use offpeak_api::Rules;
use offpeak_core::flows::{batches, sweep_native};
use offpeak_core::ports::Objects as _;
use serde_json::{Value, json};

use crate::door::{Door, rules};
use crate::form::{Form, LINE, input};

const FILES: &str = "/v1/files";

async fn stored(door: &Door, form: &Form) -> Value {
    form.post(door, FILES).await.ok()
}

fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|file| file["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_stored() {
    let door = Door::new(rules());
    let content = format!("{LINE}\r\nthe second line may be anything \u{fc}\0");
    let file = stored(&door, &input(&content)).await;
    let id = file["id"].as_str().unwrap();
    let created = file["created_at"].as_u64().unwrap();
    let want = json!({
        "id": id, "object": "file", "bytes": content.len(), "created_at": created, "expires_at": created + 2_592_000,
        "filename": "my input.jsonl", "purpose": "batch", "status": "processed", "status_details": null,
    });
    assert_eq!(file, want);
    let path = format!("{FILES}/{id}");
    assert_eq!(door.get(&path).await.ok(), want);
    let got = door.get(&format!("{path}/content")).await;
    assert_eq!((got.status, got.text()), (StatusCode::OK, &*content));
    assert_eq!(got.header("content-length"), content.len().to_string());
    assert_eq!(got.header("content-disposition"), "attachment; filename=\"my input.jsonl\"");
    assert_eq!(door.delete(&path).await.ok(), json!({"id": id, "object": "file", "deleted": true}));
    for got in [door.get(&path).await, door.delete(&path).await, door.get(&format!("{path}/content")).await] {
        assert_eq!(got.error(404), (format!("No such File object: {id}"), json!("id"), Value::Null));
    }
    assert_eq!(door.fakes.objects.names(), []);
}

#[tokio::test]
async fn what_is_no_input_of_a_batch_is_refused_and_leaves_nothing() {
    let door = Door::new(rules());
    for content in [
        &b""[..],
        b"x",
        b"\xef\xbb\xbf",
        b"\n\n",
        b"not json\n{}",
        b"{\"custom_id\":",
        b"[1]\n",
        b"\x1f\x8b\x08\0gzip",
        b"{\"a\":\"\xff\xfe\"}\n",
    ] {
        let (message, param, code) = input(content).post(&door, FILES).await.error(400);
        assert_eq!(message, "Invalid file format for Batch API. Must be .jsonl", "{content:?}");
        assert_eq!((param, code), (Value::Null, Value::Null));
    }
    let named = |name| Form::default().field("purpose", "batch").file("file", name, LINE);
    let late = |name| Form::default().file("file", name, LINE).field("purpose", "batch");
    for form in [named("input.json"), named("jsonl"), named("input.jsonl.gz"), late("input.txt")] {
        assert!(form.post(&door, FILES).await.error(400).0.contains("Must be .jsonl"));
    }
    assert_eq!((door.fakes.objects.names(), door.fakes.files.snapshot()), (vec![], vec![]));
}

#[tokio::test]
async fn odd_inputs_of_a_batch_are_stored_as_they_are() {
    let door = Door::new(rules());
    let whole = format!("{LINE}\n{LINE}\n");
    for content in [LINE, &format!("\u{feff}{LINE}\r\n"), &whole, "{}\nnot json", "\n\n{}"] {
        let file = stored(&door, &input(content)).await;
        let got = door.get(&format!("{FILES}/{}/content", file["id"].as_str().unwrap())).await;
        assert_eq!(got.text(), content);
    }
}

#[tokio::test]
async fn what_a_form_may_not_say_is_refused_by_name() {
    let door = Door::new(rules());
    let form = |purpose: &str| Form::default().field("purpose", purpose).file("file", "a.jsonl", LINE);
    let expiring = |anchor: &str, seconds: &str| {
        form("batch").field("expires_after[anchor]", anchor).field("expires_after[seconds]", seconds)
    };
    let no_file = Form::default().field("purpose", "batch");
    for (form, param, code) in [
        (Form::default(), "file", "missing_required_parameter"),
        (no_file.clone(), "file", "missing_required_parameter"),
        (Form::default().file("file", "a.jsonl", LINE), "purpose", "missing_required_parameter"),
        (no_file.clone().field("file", LINE), "file", "invalid_type"),
        (no_file.clone().file("file", "", LINE), "file", "invalid_type"),
        (form("batch_output"), "purpose", "invalid_value"),
        (form("Batch"), "purpose", "invalid_value"),
        (form(&"x".repeat(2_000)), "purpose", "invalid_value"),
        (form("batch").field("colour", "red"), "colour", "unknown_parameter"),
        (form("batch").file("file", "b.jsonl", LINE), "file", "invalid_value"),
        (no_file.file("file", &format!("{}.jsonl", "n".repeat(600)), LINE), "filename", "string_above_max_length"),
        (expiring("now", "3600"), "expires_after.anchor", "invalid_value"),
        (expiring("created_at", "1 h"), "expires_after.seconds", "invalid_type"),
        (expiring("created_at", "3599"), "expires_after.seconds", "integer_below_min_value"),
        (expiring("created_at", "2592001"), "expires_after.seconds", "integer_above_max_value"),
        (form("batch").field("expires_after[seconds]", "3600"), "expires_after.anchor", "missing_required_parameter"),
        (
            form("batch").field("expires_after[anchor]", "created_at"),
            "expires_after.seconds",
            "missing_required_parameter",
        ),
    ] {
        let got = form.post(&door, FILES).await;
        let (message, found_param, found_code) = got.error(400);
        assert_eq!((found_param, found_code), (json!(param), json!(code)), "{message}");
        assert_eq!(got.header("x-should-retry"), "false");
    }
    assert_eq!((door.fakes.objects.names(), door.fakes.files.snapshot()), (vec![], vec![]));
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_while_it_comes() {
    let door = Door::new(Rules { max_file_bytes: 10_000, ..rules() });
    let lines = |count: usize| format!("{LINE}\n").repeat(count);
    let fits = 10_000 / (LINE.len() + 1);
    stored(&door, &input(lines(fits))).await;
    let got = input(lines(fits + 1)).post(&door, FILES).await;
    let (message, param, code) = got.error(413);
    assert!(message.starts_with("The file is larger than 10000 bytes, the most that one call may carry here; "));
    assert!(message.contains("/v1/uploads") && message.contains("part_size"), "{message}");
    assert_eq!((param, code), (json!("file"), json!("file_too_large")));
    let mut declared = input(LINE).pieces(FILES, 100);
    declared.headers_mut().insert("content-length", "100000".parse().unwrap());
    assert_eq!(door.send(declared).await.code(), "file_too_large");
    assert_eq!(door.fakes.objects.names().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_expired_file_is_gone_with_its_content() {
    let door = Door::new(rules());
    let short = input(LINE).field("expires_after[anchor]", "created_at").field("expires_after[seconds]", "3600");
    let gone = stored(&door, &short).await;
    let stays = stored(&door, &Form::default().field("purpose", "user_data").file("file", "b", "2")).await;
    assert_eq!(stays["expires_at"], Value::Null);
    tokio::time::advance(Duration::from_secs(3_601)).await;
    let path = format!("{FILES}/{}", gone["id"].as_str().unwrap());
    assert_eq!(door.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ids(&door.get(FILES).await.ok()), [stays["id"].as_str().unwrap()]);
    let swept = sweep_native::retire(&door.ports, door.fakes.swept(), 1).await.unwrap();
    assert_eq!((swept.files, door.fakes.files.snapshot().len(), door.fakes.objects.names().len()), (1, 1, 1));
}

#[tokio::test]
async fn what_expires_lies_apart_however_late_it_is_known() {
    let door = Door::new(rules());
    let file = |form: Form| form.file("file", "a.jsonl", LINE);
    let with = |purpose: &'static str| move |form: Form| form.field("purpose", purpose);
    let expiry = |form: Form| form.field("expires_after[anchor]", "created_at").field("expires_after[seconds]", "3600");
    for (form, want) in [
        (file(with("batch")(Form::default())), "files/expiring/"),
        (with("batch")(file(Form::default())), "files/expiring/"),
        (file(with("user_data")(Form::default())), "files/kept/"),
        (with("user_data")(file(Form::default())), "files/kept/"),
        (expiry(file(with("user_data")(Form::default()))), "files/expiring/"),
    ] {
        let file = stored(&door, &form).await;
        let path = format!("{FILES}/{}", file["id"].as_str().unwrap());
        assert_eq!(door.get(&format!("{path}/content")).await.text(), LINE);
        let names = door.fakes.objects.names();
        assert!(names.len() == 1 && names[0].as_str().starts_with(want), "{names:?}");
        door.delete(&path).await.ok();
    }
}

#[tokio::test(start_paused = true)]
async fn files_are_listed_page_by_page() {
    let door = Door::new(rules());
    let mut all = Vec::new();
    for number in 0..5 {
        let purpose = if number % 2 == 0 { "batch" } else { "vision" };
        let form = Form::default().field("purpose", purpose).file("file", "a.jsonl", LINE);
        all.push(stored(&door, &form).await["id"].as_str().unwrap().to_owned());
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    let page = async |query: String| door.get(&format!("{FILES}?{query}")).await.ok();
    let newest_first: Vec<&str> = all.iter().rev().map(String::as_str).collect();
    let first = page("limit=2".to_owned()).await;
    assert_eq!((ids(&first), &first["has_more"]), (newest_first[..2].to_vec(), &json!(true)));
    assert_eq!((&first["first_id"], &first["last_id"]), (&json!(newest_first[0]), &json!(newest_first[1])));
    let rest = page(format!("after={}", newest_first[1])).await;
    assert_eq!((ids(&rest), &rest["has_more"]), (newest_first[2..].to_vec(), &json!(false)));
    assert_eq!(ids(&page("order=asc&purpose=vision".to_owned()).await), [&all[1], &all[3]]);
    let none = page(format!("after={}", newest_first[4])).await;
    assert_eq!(none, json!({"object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false}));
    for (query, param) in [("limit=0", "limit"), ("limit=10001", "limit"), ("limit=x", "limit"), ("limit=-1", "limit")]
        .into_iter()
        .chain([("order=up", "order"), ("purpose=x", "purpose")])
    {
        assert_eq!(door.get(&format!("{FILES}?{query}")).await.error(400).1, json!(param), "{query}");
    }
    for unknown in ["file_00000000000000000000000000000000", "file-abc", ""] {
        assert_eq!(door.get(&format!("{FILES}?after={unknown}")).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn ranges_are_given_and_names_break_nothing() {
    let door = Door::new(rules());
    let content: Vec<u8> = (0..700_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let form = Form::default().field("purpose", "user_data").file("file", "a\u{fc} b;c.bin", &content);
    let id = stored(&door, &form).await["id"].as_str().unwrap().to_owned();
    let get = |range: &'static str, tag: Option<String>| {
        let request = http::Request::get(format!("{FILES}/{id}/content")).header("range", range);
        let request = tag.into_iter().fold(request, |request, tag| request.header("if-range", tag));
        door.send(request.body(axum::body::Body::empty()).unwrap())
    };
    let got = get("bytes=10-599999", None).await;
    assert_eq!((got.status, &got.body[..]), (StatusCode::PARTIAL_CONTENT, &content[10..600_000]));
    assert_eq!(got.header("content-range"), "bytes 10-599999/700000");
    let name = "attachment; filename=\"a_ b_c.bin\"; filename*=UTF-8''a%C3%BC%20b%3Bc.bin";
    assert_eq!(got.header("content-disposition"), name);
    let same = get("bytes=-1", Some(got.header("etag").to_owned())).await;
    assert_eq!((same.status, &same.body[..]), (StatusCode::PARTIAL_CONTENT, &content[699_999..]));
    let other = get("bytes=-1", Some("\"another\"".to_owned())).await;
    assert_eq!((other.status, other.body.len()), (StatusCode::OK, 700_000));
    let beyond = get("bytes=700000-", None).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.header("content-range"), "bytes */700000");
    let head = http::Request::head(format!("{FILES}/{id}/content")).header("range", "bytes=10-19");
    let head = door.send(head.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0), "a range is of a GET only");
    assert_eq!(head.header("content-length"), "700000");
    let object = door.fakes.objects.names().remove(0);
    door.fakes.objects.delete(&object).await.unwrap();
    for range in ["bytes=10-19", "bytes=0-"] {
        let (message, ..) = get(range, None).await.error(404);
        assert_eq!(message, format!("No such File object: {id}"), "what is gone has no part");
    }
}

#[tokio::test]
async fn a_store_that_can_share_is_led_to() {
    let door = Door::sharing(rules());
    let id = stored(&door, &input(LINE)).await["id"].as_str().unwrap().to_owned();
    let got = door.get(&format!("{FILES}/{id}/content")).await;
    assert_eq!((got.status, got.body.len()), (StatusCode::FOUND, 0));
    let (_, name) = got.header("location").split_once("https://objects.invalid/").unwrap();
    assert_eq!(name, door.fakes.objects.names()[0].as_str(), "the object itself, and no copy");
}

#[tokio::test]
async fn a_file_that_a_batch_is_still_to_read_stays() {
    let door = Door::new(rules());
    let id = stored(&door, &input("{}\n")).await["id"].as_str().unwrap().to_owned();
    let asked = json!({"input_file_id": id, "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let batch = door.post("/v1/batches", &asked).await.ok()["id"].as_str().unwrap().to_owned();
    let path = format!("{FILES}/{id}");
    let (message, _, code) = door.delete(&path).await.error(409);
    assert!(message.contains(&batch), "{message}");
    assert_eq!(code, json!("file_in_use"));
    assert_eq!(door.get(&format!("{path}/content")).await.text(), "{}\n");
    batches::drive(&door.ports, batch.parse().unwrap()).await.unwrap();
    door.delete(&path).await.ok();
    assert_eq!(door.get(&format!("/v1/batches/{batch}")).await.ok()["status"], "failed");
}
