use offpeak_simulator::Faults;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::upstream::{Upstream, chat, text};

/// The data of each event of a stream, the last `[DONE]` checked and left out.
fn chunks(body: &str) -> Vec<Value> {
    let events: Vec<&str> = body.split_terminator("\n\n").collect();
    let (last, events) = events.split_last().unwrap();
    assert_eq!(*last, "data: [DONE]");
    events.iter().map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn a_key_is_needed() {
    let upstream = Upstream::sound().await;
    let without = upstream.client.get(format!("{}/v1/models", upstream.base)).send().await.unwrap();
    assert_eq!(without.status(), StatusCode::UNAUTHORIZED);
    let invalid = upstream.client.get(format!("{}/v1/models", upstream.base)).bearer_auth("sk-invalid").send().await;
    let invalid = invalid.unwrap();
    assert_eq!(invalid.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(invalid.json::<Value>().await.unwrap()["error"]["code"], "invalid_api_key");
    let valid = upstream.get("/v1/models").await;
    assert!(valid.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
    let keys = upstream.counts().keys_seen;
    assert!(keys.contains("96018835490a18a6"), "{keys:?}");
    assert_eq!(keys.len(), 2);
}

#[tokio::test]
async fn models_are_listed_and_found() {
    let upstream = Upstream::sound().await;
    let list = upstream.get_json("/v1/models").await;
    assert_eq!((&list["object"], &list["data"][0]["object"]), (&json!("list"), &json!("model")));
    assert_eq!(upstream.get_json("/v1/models/meta-llama/Llama-3").await["id"], "meta-llama/Llama-3");
    assert_eq!(upstream.get("/v1/models/missing-one").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(upstream.get("/v1/nowhere").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_chat_completion_echoes_the_last_user_message() {
    let upstream = Upstream::sound().await;
    let body = json!({ "model": "gpt-x", "n": 2, "messages": [
        { "role": "system", "content": "be brief" },
        { "role": "user", "content": "first" },
        { "role": "assistant", "content": "ok" },
        { "role": "user", "content": [{ "type": "text", "text": "sec" }, { "type": "image_url", "image_url": {} }, { "type": "text", "text": "ond" }] },
    ] });
    let answer = upstream.post_json("/v1/chat/completions", &body).await;
    assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!("gpt-x")));
    assert!(text(&answer, "/id").starts_with("chatcmpl-") && answer["created"].is_u64());
    assert_eq!(answer["system_fingerprint"], "fp_1");
    for index in 0..2 {
        let choice = &answer["choices"][index];
        assert_eq!((&choice["index"], &choice["finish_reason"]), (&json!(index), &json!("stop")));
        assert_eq!(choice["message"]["role"], "assistant");
        assert_eq!(choice["message"]["content"], "echo: second");
        assert_eq!(choice["message"]["refusal"], Value::Null);
    }
    let usage = &answer["usage"];
    let tokens = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(tokens("total_tokens"), tokens("prompt_tokens") + tokens("completion_tokens"));
    assert_eq!(upstream.counts().live_calls["/v1/chat/completions"], 1);
}

#[tokio::test]
async fn a_chat_completion_streams() {
    let upstream = Upstream::sound().await;
    let mut body = chat("some more words");
    body["stream"] = json!(true);
    body["stream_options"] = json!({ "include_usage": true });
    let answer = upstream.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let chunks = chunks(&answer.text().await.unwrap());
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk" && chunk["id"] == chunks[0]["id"]));
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let words: Vec<&str> = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(words.concat(), "echo: some more words");
    let (usage, pieces) = chunks.split_last().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["total_tokens"].is_u64());
    assert!(pieces.iter().all(|chunk| chunk.get("usage") == Some(&Value::Null)));
    assert_eq!(pieces.last().unwrap()["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn a_tool_is_called_on_demand() {
    let upstream = Upstream::sound().await;
    let mut body = chat("please use tool now");
    body["tools"] = json!([{ "type": "function", "function": { "name": "look_up", "parameters": {} } }]);
    let answer = upstream.post_json("/v1/chat/completions", &body).await;
    let choice = &answer["choices"][0];
    assert_eq!((&choice["finish_reason"], &choice["message"]["content"]), (&json!("tool_calls"), &Value::Null));
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!((&call["type"], &call["function"]["name"]), (&json!("function"), &json!("look_up")));
    assert_eq!(call["function"]["arguments"], r#"{"text":"please use tool now"}"#);

    body["stream"] = json!(true);
    let streamed = upstream.post("/v1/chat/completions", &body).await.text().await.unwrap();
    let chunks = chunks(&streamed);
    assert_eq!(chunks[0]["choices"][0]["delta"]["tool_calls"][0]["function"]["name"], "look_up");
    assert_eq!(chunks[1]["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(chunks[1].get("usage"), None);
}

#[tokio::test]
async fn a_completion_echoes_each_prompt() {
    let upstream = Upstream::sound().await;
    let body = json!({ "model": "m", "prompt": ["one", "two"], "n": 2 });
    let answer = upstream.post_json("/v1/completions", &body).await;
    assert_eq!(answer["object"], "text_completion");
    let texts: Vec<&str> =
        answer["choices"].as_array().unwrap().iter().map(|choice| choice["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["echo: one", "echo: one", "echo: two", "echo: two"]);
    let body = json!({ "model": "m", "prompt": "a b", "stream": true });
    let chunks = chunks(&upstream.post("/v1/completions", &body).await.text().await.unwrap());
    let words: Vec<&str> = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
    assert_eq!(words.concat(), "echo: a b");
}

#[tokio::test]
async fn a_request_is_refused_as_the_real_api_does() {
    let upstream = Upstream::sound().await;
    let path = "/v1/chat/completions";
    let missing =
        upstream.post(path, &json!({ "model": "missing-x", "messages": [{ "role": "user", "content": "a" }] })).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(missing.json::<Value>().await.unwrap()["error"]["code"], "model_not_found");
    let wordless = upstream.post_json(path, &json!({ "model": "m" })).await;
    assert_eq!(
        wordless["error"],
        json!({
            "message": "Missing required parameter: 'messages'.", "type": "invalid_request_error",
            "param": "messages", "code": "missing_required_parameter"
        })
    );
    let nameless = upstream.post_json(path, &json!({ "messages": [] })).await;
    assert_eq!(nameless["error"]["message"], "you must provide a model parameter");
    let nonsense =
        upstream.client.post(format!("{}{path}", upstream.base)).bearer_auth("k").body("{").send().await.unwrap();
    assert_eq!(nonsense.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn live_calls_can_fail_by_rate_or_on_demand() {
    let upstream = Upstream::sound().await;
    let path = "/v1/chat/completions";
    let mut flaky = chat("perhaps");
    flaky["user"] = json!("sim-flaky-429");
    assert_eq!(upstream.post(path, &flaky).await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(upstream.post(path, &flaky).await.status(), StatusCode::OK);
    let mut teapot = chat("tea");
    teapot["user"] = json!("sim-status-418");
    let refused = upstream.post_json(path, &teapot).await;
    assert_eq!(refused["error"]["message"], "simulated 418 for tea");
    upstream.sim.set_faults(Faults { live_fail_rate: 1.0, ..Faults::default() });
    assert_eq!(upstream.post(path, &chat("a")).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
