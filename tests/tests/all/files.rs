//! Files through the real binary: very many of them, and batches of images, whose lines no call could send.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use offpeak_tests::batches::{comes_to, lines, store};
use offpeak_tests::{Gateway, Http, Upstream};
use serde_json::{Value, json};

/// Stores `count` files of one line, several at a time; their ids.
async fn many(http: &Http, count: usize) -> BTreeSet<String> {
    let one = async |number: usize| store(http, &format!("{{\"custom_id\":\"{number}\"}}\n")).await.unwrap();
    stream::iter(0..count).map(one).buffer_unordered(128).collect().await
}

/// Every file that is listed, page by page; each once.
async fn listed(http: &Http, limit: usize) -> BTreeSet<String> {
    let (mut found, mut after) = (BTreeSet::new(), String::new());
    loop {
        let page = http.json(&format!("/v1/files?limit={limit}{after}")).await;
        for file in page["data"].as_array().unwrap() {
            assert!(found.insert(file["id"].as_str().unwrap().to_owned()), "listed twice: {file}");
        }
        after = match page["last_id"].as_str() {
            Some(last) if page["has_more"] == true => format!("&after={last}"),
            Some(_) | None => return found,
        };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_files_are_listed_in_pages_and_take_no_memory() {
    let upstream = Upstream::sound().await;
    let mut gateway = Gateway::before(&upstream).start().await;
    let mut stored = many(&gateway.http, 1_000).await;
    listed(&gateway.http, 10_000).await;
    let before = gateway.resident_kib();
    stored.extend(many(&gateway.http, 9_000).await);
    assert_eq!(listed(&gateway.http, 777).await, stored);
    let grown = gateway.resident_kib().saturating_sub(before);
    assert!(grown < 32 * 1024, "nine thousand files took {grown} KiB");
    assert_eq!(listed(&gateway.http, 10_000).await.len(), 10_000);

    let gone: BTreeSet<String> = stored.iter().step_by(20).cloned().collect();
    let delete = async |id: &String| {
        let answer = gateway.http.call(hyper::Method::DELETE, &format!("/v1/files/{id}")).send().await;
        assert_eq!((answer.status, &answer.json()["deleted"]), (200, &json!(true)), "{id}");
    };
    stream::iter(&gone).map(delete).buffer_unordered(32).collect::<()>().await;
    let left: BTreeSet<String> = stored.difference(&gone).cloned().collect();
    assert_eq!(listed(&gateway.http, 1_000).await, left);
    gateway.kill();
    gateway.start().await;
    assert_eq!(listed(&gateway.http, 1_000).await, left);
    assert_eq!(gateway.objects("files").len(), left.len(), "content goes with its row");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_are_made_and_edited_in_batches() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let picture = "data:image/png;base64,iVBORw0KGgo=";
    for (path, rest, refused) in [
        ("/v1/images/generations", json!({"n": 2, "size": "1024x1024"}), None),
        ("/v1/images/edits", json!({"images": [{"image_url": picture}, {"file_id": "file-1"}]}), None),
        ("/v1/images/edits", json!({}), Some(400)),
    ] {
        let line = |number: usize| {
            let mut body = json!({"model": "gpt-image-1", "prompt": format!("a door, number {number}")});
            body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            json!({"custom_id": number.to_string(), "method": "POST", "url": path, "body": body}).to_string() + "\n"
        };
        let file = store(&gateway.http, &(0..20).map(line).collect::<String>()).await.unwrap();
        let asked = json!({"input_file_id": file, "endpoint": path, "completion_window": "24h"});
        let batch = gateway.http.post("/v1/batches", &asked).send().await.json();
        let done = comes_to(&gateway.http, batch["id"].as_str().unwrap(), &["completed"]).await;
        let found = lines(&gateway.http, &done).await;
        assert_eq!(found.len(), 20);
        let mut pictures = BTreeSet::new();
        for (is_output, line) in found.into_values() {
            let answer = &line["response"];
            let data = answer["body"]["data"].as_array();
            pictures.extend(data.into_iter().flatten().map(|image: &Value| image["b64_json"].to_string()));
            assert_eq!(answer["status_code"], refused.unwrap_or(200), "{line}");
            assert_eq!(is_output, refused.is_none(), "{line}");
        }
        let wanted = if refused.is_some() { 0 } else { 20 * rest["n"].as_u64().unwrap_or(1) };
        assert_eq!(pictures.len() as u64, wanted, "each line has its own");
    }
    let missing = json!({"custom_id": "a", "method": "POST", "url": "/v1/images/edits", "body": {"model": "m"}});
    let file = store(&gateway.http, &missing.to_string()).await.unwrap();
    let asked = json!({"input_file_id": file, "endpoint": "/v1/images/edits", "completion_window": "24h"});
    let batch = gateway.http.post("/v1/batches", &asked).send().await.json();
    let failed = comes_to(&gateway.http, batch["id"].as_str().unwrap(), &["failed"]).await;
    let error = &failed["errors"]["data"][0];
    assert_eq!((&error["param"], &error["line"]), (&json!("body.prompt"), &json!(1)), "{error}");
}
