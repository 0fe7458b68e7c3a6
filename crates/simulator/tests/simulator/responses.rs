use serde_json::{Value, json};

use crate::upstream::{Upstream, text};

#[tokio::test]
async fn a_response_echoes_its_input() {
    let upstream = Upstream::sound().await;
    let answer = upstream.post_json("/v1/responses", &json!({ "model": "gpt-x", "input": "hello" })).await;
    assert_eq!((&answer["object"], &answer["status"]), (&json!("response"), &json!("completed")));
    assert!(text(&answer, "/id").starts_with("resp_"));
    let item = &answer["output"][0];
    assert_eq!((&item["type"], &item["role"]), (&json!("message"), &json!("assistant")));
    assert_eq!(
        (&item["content"][0]["type"], &item["content"][0]["text"]),
        (&json!("output_text"), &json!("echo: hello"))
    );
    assert!(answer["usage"]["total_tokens"].is_u64());
    for required in
        ["created_at", "error", "incomplete_details", "instructions", "metadata", "model", "parallel_tool_calls"]
    {
        assert!(answer.get(required).is_some(), "{required}");
    }
    let items = json!({ "model": "gpt-x", "input": [
        { "role": "user", "content": "first" },
        { "role": "user", "content": [{ "type": "input_text", "text": "second" }] },
    ] });
    let answer = upstream.post_json("/v1/responses", &items).await;
    assert_eq!(answer["output"][0]["content"][0]["text"], "echo: second");
}

#[tokio::test]
async fn a_response_streams() {
    let upstream = Upstream::sound().await;
    let body = json!({ "model": "gpt-x", "input": "some words", "stream": true });
    let stream = upstream.post("/v1/responses", &body).await.text().await.unwrap();
    let events: Vec<Value> = stream
        .split_terminator("\n\n")
        .map(|event| {
            let (name, data) = event.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
            data
        })
        .collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    assert!(events.iter().enumerate().all(|(number, event)| event["sequence_number"] == number));
    assert_eq!(
        (&events[0]["response"]["status"], &events[0]["response"]["output"]),
        (&json!("in_progress"), &json!([]))
    );
    let completed = &events[10]["response"];
    assert_eq!(completed["output"][0]["content"][0]["text"], "echo: some words");
    assert_eq!(completed["id"], events[0]["response"]["id"]);
}

#[tokio::test]
async fn an_embedding_depends_on_its_input_only() {
    let upstream = Upstream::sound().await;
    let embed = async |input: Value, format: &str| {
        let body = json!({ "model": "e", "input": input, "encoding_format": format });
        upstream.post_json("/v1/embeddings", &body).await
    };
    let both = embed(json!(["a", "b"]), "float").await;
    let one = embed(json!("a"), "float").await;
    assert_eq!(both["data"][0]["embedding"], one["data"][0]["embedding"]);
    assert_ne!(both["data"][0]["embedding"], both["data"][1]["embedding"]);
    assert_eq!(one["data"][0]["embedding"].as_array().unwrap().len(), 8);
    assert_eq!(both["data"][1]["index"], 1);
    assert!(one["usage"]["prompt_tokens"].is_u64());
    let tokens = embed(json!([1, 2, 3]), "base64").await;
    assert_eq!(tokens["data"].as_array().unwrap().len(), 1);
    assert_eq!(text(&tokens, "/data/0/embedding").len(), 44);
}

#[tokio::test]
async fn a_moderation_flags_what_is_bad() {
    let upstream = Upstream::sound().await;
    let answer = upstream.post_json("/v1/moderations", &json!({ "input": ["fine", "bad"] })).await;
    assert_eq!((&answer["results"][0]["flagged"], &answer["results"][1]["flagged"]), (&json!(false), &json!(true)));
    assert_eq!(answer["results"][1]["categories"]["harassment"], true);
    assert_eq!(answer["model"], "omni-moderation-latest");
    let parts = json!({ "input": [{ "type": "text", "text": "fine" }, { "type": "text", "text": "bad" }] });
    let answer = upstream.post_json("/v1/moderations", &parts).await;
    assert_eq!(answer["results"].as_array().unwrap().len(), 1);
    assert_eq!(answer["results"][0]["flagged"], true);
}
