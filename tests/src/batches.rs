//! A caller of the Batch API, and what has to hold of every batch: each line of its input comes back once.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Answer, Http, echoed, until};

const CHAT: &str = "/v1/chat/completions";

/// Long enough for several runs of lines that fail, each behind polls and pauses.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// A line with a name of its own among those of all batches, and a question of its own among those of its batch.
pub fn line(batch: &str, number: usize, model: &str) -> Value {
    let messages = [json!({"role": "user", "content": format!("question {number}")})];
    let body = json!({"model": model, "messages": messages});
    json!({"custom_id": format!("{batch} {number}"), "method": "POST", "url": CHAT, "body": body})
}

/// An input of so many lines, of these models in turn.
pub fn input(batch: &str, count: usize, models: &[&str]) -> String {
    let line = |number: usize| line(batch, number, models[number % models.len()]).to_string();
    (0..count).map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// Stores an input; its id, if that came back.
pub async fn store(http: &Http, content: &str) -> Option<String> {
    let form = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--edge\r\nContent-Disposition: \
         form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n{content}\r\n--edge--\r\n"
    );
    let call = http.post_bytes("/v1/files", form).header("content-type", "multipart/form-data; boundary=edge");
    let answer = call.try_send().await.ok().filter(|answer| answer.status == 200)?;
    Some(answer.json()["id"].as_str()?.to_owned())
}

/// Creates the batch of a file, always the same; its id, if that came back.
pub async fn create(http: &Http, file: &str) -> Option<String> {
    let asked = json!({"input_file_id": file, "endpoint": CHAT, "completion_window": "24h"});
    let answer = http.post("/v1/batches", &asked).header("idempotency-key", file).try_send().await.ok()?;
    Some(answer.json()["id"].as_str()?.to_owned())
}

/// A batch as it stands, if that came back.
pub async fn show(http: &Http, batch: &str) -> Option<Value> {
    let answer = http.get(&format!("/v1/batches/{batch}")).try_send().await.ok()?;
    (answer.status == 200).then(|| answer.json())
}

/// Waits until a batch has one of these statuses, and shows it.
pub async fn comes_to(http: &Http, batch: &str, statuses: &[&str]) -> Value {
    until(&format!("{batch} {statuses:?}"), PATIENCE, async || {
        let shown = show(http, batch).await?;
        statuses.contains(&shown["status"].as_str()?).then_some(shown)
    })
    .await
}

/// The content of a file; where it is at another address, from there and without a key.
pub async fn content(http: &Http, file: &str) -> Answer {
    let answer = http.get(&format!("/v1/files/{file}/content")).send().await;
    if answer.status == 302 { Http::to("").get(answer.header("location")).send().await } else { answer }
}

/// The lines that a batch left, by their custom ids: whether each is of the output, and the line.
pub async fn lines(http: &Http, batch: &Value) -> BTreeMap<String, (bool, Value)> {
    let mut found = BTreeMap::new();
    for (field, is_output) in [("output_file_id", true), ("error_file_id", false)] {
        let Some(file) = batch[field].as_str() else { continue };
        for line in content(http, file).await.text().lines() {
            let line: Value = serde_json::from_str(line).expect("a line of JSON");
            let id = line["custom_id"].as_str().expect("a custom_id").to_owned();
            assert!(line["id"].as_str().is_some_and(|id| !id.is_empty()), "{line}");
            assert!(found.insert(id, (is_output, line.clone())).is_none(), "twice: {line}");
        }
    }
    found
}

/// Checks that each line of the input came back once, the answered ones with their own answers, as the batch counts
/// them; returns how many were answered. `name` is what its lines are called by.
pub async fn conserved(http: &Http, batch: &Value, name: &str, count: usize) -> usize {
    let found = lines(http, batch).await;
    let mut answered = 0;
    for number in 0..count {
        let (is_output, line) = found.get(&format!("{name} {number}")).unwrap_or_else(|| panic!("no {name} {number}"));
        let status = &line["response"]["status_code"];
        if *is_output {
            assert_eq!((status, &line["error"]), (&json!(200), &Value::Null), "{line}");
            let body = line["response"]["body"].to_string();
            assert_eq!(echoed(body.as_bytes()).as_deref(), Some(&*format!("question {number}")), "{line}");
            answered += 1;
        } else {
            assert!(line["error"].is_object() != status.as_u64().is_some_and(|status| status >= 400), "{line}");
        }
    }
    assert_eq!(found.len(), count);
    let counts = json!({"total": count, "completed": answered, "failed": count - answered});
    assert_eq!(batch["request_counts"], counts);
    answered
}
