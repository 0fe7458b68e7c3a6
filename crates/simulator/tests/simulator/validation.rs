use offpeak_simulator::Options;
use serde_json::{Value, json};

use crate::upstream::{Upstream, chat, chat_line, chat_lines, line, order};

/// The errors of a batch of `content`, as `(code, param, line)`.
async fn errors(upstream: &Upstream, content: &str) -> Vec<(Value, Value, Value)> {
    let batch = upstream.run(content).await;
    assert_eq!(batch["status"], "failed", "{batch}");
    assert_eq!(batch["request_counts"], json!({ "total": 0, "completed": 0, "failed": 0 }));
    let errors = batch["errors"]["data"].as_array().unwrap().iter();
    errors.map(|error| (error["code"].clone(), error["param"].clone(), error["line"].clone())).collect()
}

fn error(code: &str, param: &str, line: usize) -> (Value, Value, Value) {
    (json!(code), json!(param), json!(line))
}

#[tokio::test]
async fn each_bad_line_is_reported_by_its_number() {
    let upstream = Upstream::sound().await;
    let good = chat_line("good", &chat("a"));
    let without = |field: &str, id: &str| {
        let mut line: Value = serde_json::from_str(&chat_line(id, &chat("a"))).unwrap();
        line.as_object_mut().unwrap().remove(field);
        format!("{line}\n")
    };
    let mut streaming = chat("a");
    streaming["stream"] = json!(true);
    let mut wordless = chat("a");
    wordless.as_object_mut().unwrap().remove("messages");
    let content = [
        good,
        "{not json\n".to_owned(),
        without("custom_id", "b"),
        without("method", "c"),
        without("url", "d"),
        without("body", "e"),
        line("f", "/v1/embeddings", &chat("a")),
        chat_line("good", &chat("again")),
        chat_line("g", &streaming),
        chat_line("h", &json!({ "model": "missing-model", "messages": [] })),
        chat_line("i", &json!({ "messages": [] })),
        chat_line("j", &wordless),
        chat_line("k", &json!([1])),
        chat_line("l", &chat("a")).replace("POST", "GET"),
        "[1]\n".to_owned(),
    ];
    let expected = vec![
        (json!("invalid_json_line"), Value::Null, json!(2)),
        error("missing_required_parameter", "custom_id", 3),
        error("missing_required_parameter", "method", 4),
        error("missing_required_parameter", "url", 5),
        error("missing_required_parameter", "body", 6),
        error("invalid_url", "url", 7),
        error("duplicate_custom_id", "custom_id", 8),
        error("streaming_unsupported", "body.stream", 9),
        error("model_not_found", "body.model", 10),
        error("invalid_request", "body.model", 11),
        error("invalid_request", "body.messages", 12),
        error("invalid_request", "body", 13),
        error("invalid_value", "method", 14),
        (json!("invalid_json_line"), Value::Null, json!(15)),
    ];
    assert_eq!(errors(&upstream, &content.concat()).await, expected);
    assert_eq!(upstream.counts().lines_run, 0);
}

#[tokio::test]
async fn messages_are_those_of_the_real_api() {
    let upstream = Upstream::sound().await;
    let content = "{}\n".to_owned() + &line("a", "/v1/embeddings", &chat("a"));
    let batch = upstream.run(&content).await;
    assert_eq!(batch["errors"]["data"][0]["message"], "Missing required parameter: 'custom_id'.");
    let url = "The URL provided for this request does not match the batch endpoint.";
    assert_eq!(batch["errors"]["data"][1]["message"], url);
}

#[tokio::test]
async fn a_file_with_two_models_fails() {
    let upstream = Upstream::sound().await;
    let mut other = chat("a");
    other["model"] = json!("gpt-5-mini");
    let content = chat_lines(2) + &chat_line("other", &other);
    assert_eq!(errors(&upstream, &content).await, [error("mismatched_model", "body.model", 3)]);
    assert_eq!(upstream.counts().mixed_model_batches, 1);
}

#[tokio::test]
async fn a_file_without_lines_fails() {
    let upstream = Upstream::sound().await;
    assert_eq!(errors(&upstream, "\n\n").await, [(json!("empty_file"), Value::Null, Value::Null)]);
}

#[tokio::test]
async fn a_file_with_too_many_lines_fails() {
    let upstream = Upstream::start(Options { max_lines: 3, ..Options::default() }).await;
    assert_eq!(errors(&upstream, &chat_lines(4)).await, [(json!("too_many_requests"), Value::Null, Value::Null)]);
    assert_eq!(upstream.run(&chat_lines(3)).await["status"], "completed");
    assert_eq!(upstream.counts().largest_batch_lines, 3);
}

#[tokio::test]
async fn every_endpoint_takes_batches() {
    let upstream = Upstream::sound().await;
    let cases = [
        ("/v1/completions", json!({ "model": "m", "prompt": "p" }), "/choices/0/text", json!("echo: p")),
        ("/v1/responses", json!({ "model": "m", "input": "p" }), "/output/0/content/0/text", json!("echo: p")),
        ("/v1/embeddings", json!({ "model": "m", "input": ["p", "q"] }), "/data/1/index", json!(1)),
        ("/v1/moderations", json!({ "input": "too bad" }), "/results/0/flagged", json!(true)),
    ];
    for (endpoint, body, pointer, expected) in cases {
        let file = upstream.upload(&line("a", endpoint, &body)).await;
        let created = upstream.post_json("/v1/batches", &order(&file, endpoint)).await;
        let batch = upstream.poll(&created).await;
        let lines = upstream.lines(&batch, "/output_file_id").await;
        assert_eq!(lines[0]["response"]["body"].pointer(pointer), Some(&expected), "{endpoint}: {batch}");
    }
}
