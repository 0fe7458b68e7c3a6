//! Files and uploads at the deployed API: where their content lies, and what is left of those that are refused.

use futures_util::future::join_all;
use offpeak_tests::batches::{comes_to, content, create, line};
use offpeak_tests::{Answer, Http};
use offpeak_tests_aws::{Fact, World, noise};
use serde_json::{Value, json};

/// More than an object that is put whole.
const LARGE_BYTES: usize = 9 << 20;
/// What one call to a function carries, in base64 and with room for its frame.
pub(super) const PART_BYTES: usize = 4 << 20;

pub(crate) static LARGE: Fact = Fact::new(|| Box::pin(large()));
pub(crate) static MOVED: Fact = Fact::new(|| Box::pin(moved()));

#[test]
fn a_file_in_parts_is_one_file_or_none_and_a_wrong_line_far_into_it_is_told() {
    LARGE.holds();
}

#[test]
fn a_file_whose_purpose_comes_last_lies_where_it_stays() {
    MOVED.holds();
}

/// A part of an upload.
pub(super) async fn send_part(http: &Http, upload: &str, content: &[u8]) -> Answer {
    let head = "--edge\r\nContent-Disposition: form-data; name=\"data\"; filename=\"part\"\r\n\r\n";
    let form = [head.as_bytes(), content, b"\r\n--edge--\r\n"].concat();
    let call = http.post_bytes(&format!("/v1/uploads/{upload}/parts"), form);
    call.header("content-type", "multipart/form-data; boundary=edge").send().await
}

pub(super) async fn upload_of(http: &Http, bytes: usize) -> String {
    let about = json!({"filename": "in.jsonl", "bytes": bytes, "mime_type": "application/jsonl", "purpose": "batch"});
    let made = http.post("/v1/uploads", &about).send().await;
    assert_eq!(made.status, 200, "{made:?}");
    made.json()["id"].as_str().expect("an id").to_owned()
}

/// Lines that compression cannot help, more than `LARGE_BYTES` of them, and a last one that is no request.
fn large_input() -> String {
    let mut input = String::new();
    for number in 0.. {
        if input.len() > LARGE_BYTES {
            break;
        }
        let mut line = line("large", number, "gpt-4.1-mini");
        line["body"]["messages"][0]["content"] = json!(noise(number as u64, 16 << 10));
        input.push_str(&line.to_string());
        input.push('\n');
    }
    input + "{\"custom_id\": \"last\"}\n"
}

async fn large() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let http = world.tenant("large files").await;
    let input = large_input();
    let upload = upload_of(&http, input.len()).await;
    let pieces: Vec<&[u8]> = input.as_bytes().chunks(PART_BYTES).collect();
    let sent = join_all(pieces.iter().map(|piece| send_part(&http, &upload, piece))).await;
    let parts: Vec<Value> = sent.iter().map(|answer| answer.json()["id"].clone()).collect();
    let complete = async |order: &Value| http.post(&format!("/v1/uploads/{upload}/complete"), order).send().await;
    // What was written of the file by then is given up.
    let wrong = complete(&json!({"part_ids": parts, "md5": "0".repeat(32)})).await;
    assert_eq!(wrong.error(400), "invalid_value");
    let made = complete(&json!({"part_ids": parts})).await;
    assert_eq!(made.status, 200, "{made:?}");
    let file = made.json()["file"]["id"].as_str().expect("a file").to_owned();
    assert_eq!(content(&http, &file).await.body, input, "the parts, one after the other");
    let batch = create(&http, &file).await.expect("a batch");
    let failed = comes_to(&http, &batch, &["failed"]).await;
    let errors = failed["errors"]["data"].as_array().expect("errors");
    let last = input.lines().count();
    assert_eq!((errors.len(), &errors[0]["line"]), (1, &json!(last)), "{failed}");
}

/// A form may tell what a file is for after the file, and only what is for batches expires by itself.
async fn moved() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let http = world.tenant("moved files").await;
    let form = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--edge\r\n\
                Content-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n--edge--\r\n";
    let call = http.post_bytes("/v1/files", form).header("content-type", "multipart/form-data; boundary=edge");
    let file = call.send().await.json();
    assert!(file["expires_at"].is_null() && file["bytes"] == 5, "{file}");
    let id = file["id"].as_str().expect("an id");
    assert_eq!(content(&http, id).await.text(), "hello");
    let link = http.get(&format!("/v1/files/{id}/content")).send().await.header("location").to_owned();
    assert!(link.contains("/files/") && !link.contains("/files/expiring/"), "{link}");
}
