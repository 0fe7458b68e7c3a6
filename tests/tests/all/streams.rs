//! `stream: true`: the finished answer as ordinary chunks.

use offpeak_simulator::Faults;
use offpeak_tests::{Answer, Gateway, Upstream, chat};
use serde_json::{Value, json};

/// The data of each event but the closing `[DONE]`, which must be there exactly if `done`.
fn events(answer: &Answer, done: bool) -> Vec<Value> {
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/event-stream"), "{answer:?}");
    assert!(answer.job().starts_with("job_"));
    let text = answer.text();
    let mut data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data.last() == Some(&"[DONE]"), done, "{text}");
    data.retain(|data| *data != "[DONE]");
    data.into_iter().map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[tokio::test]
async fn a_chat_completion_is_streamed_with_its_usage() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let mut body = chat("why?");
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let chunks = events(&gateway.http.post("/v1/chat/completions", &body).send().await, true);
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
    let (usage, pieces) = chunks.split_last().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert!(usage["usage"]["total_tokens"].as_u64().unwrap() > 0);
    let text: String = pieces.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "echo: why?");
    assert_eq!(pieces[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(pieces.last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert!(upstream.counts().live_calls.is_empty(), "it was batched all the same");
}

#[tokio::test]
async fn without_the_option_there_is_no_usage_chunk() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let mut body = chat("why?");
    body["stream"] = json!(true);
    let chunks = events(&gateway.http.post("/v1/chat/completions", &body).send().await, true);
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none() && chunk["choices"] != json!([])));
}

#[tokio::test]
async fn a_stream_says_something_at_once_and_before_its_client_gives_up() {
    let upstream = Upstream::slow(std::time::Duration::from_millis(1_500)).await;
    let gateway = Gateway::before(&upstream).start().await;
    let mut body = chat("why?");
    body["stream"] = json!(true);
    let call = gateway.http.post("/v1/chat/completions", &body).header("x-stainless-timeout", "1");
    let text = call.send().await.text();
    assert!(text.starts_with(":\n:\n:\n"), "{text}");
}

#[tokio::test]
async fn a_completion_is_streamed() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let body = json!({"model": "gpt-3.5-turbo-instruct", "prompt": "once", "stream": true,
        "stream_options": {"include_usage": true}});
    let chunks = events(&gateway.http.post("/v1/completions", &body).send().await, true);
    assert!(chunks.iter().all(|chunk| chunk["object"] == "text_completion"));
    assert_eq!(chunks[0]["choices"][0]["text"], "echo: once");
    assert!(chunks.last().unwrap()["usage"]["total_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_response_is_streamed_from_its_creation_to_its_completion() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let body = json!({"model": "gpt-4.1-mini", "input": "why?", "stream": true});
    let told = events(&gateway.http.post("/v1/responses", &body).send().await, false);
    assert_eq!(told[0]["type"], "response.created");
    let last = told.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "echo: why?");
    let deltas = told.iter().filter(|event| event["type"] == "response.output_text.delta");
    let text: String = deltas.filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(text, "echo: why?");
    let numbers: Vec<u64> = told.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted());
}

#[tokio::test]
async fn a_late_failure_is_an_error_event() {
    let upstream = Upstream::with(Faults { line_fail_rate: 1.0, ..Faults::default() }).await;
    let gateway = Gateway::before(&upstream).start().await;
    let mut body = chat("why?");
    body["stream"] = json!(true);
    let told = events(&gateway.http.post("/v1/chat/completions", &body).send().await, false);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["error"]["code"], "simulated");
    assert!(told[0]["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
}

#[tokio::test]
async fn a_cancelled_job_ends_its_stream_with_an_error_event() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).window("1h").start().await;
    gateway.http.post("/v1/chat/completions", &chat("first")).send().await.echoes("first");
    let mut body = chat("why?");
    body["stream"] = json!(true);
    let stream = tokio::spawn(gateway.http.post("/v1/chat/completions", &body).send());
    gateway.jobs_are(1, "queued").await;
    let page = gateway.http.json("/v1/jobs?status=queued").await;
    let path = format!("/v1/jobs/{}/cancel", page["data"][0]["id"].as_str().unwrap());
    gateway.http.post(&path, &json!({})).send().await;
    let told = events(&stream.await.unwrap(), false);
    assert_eq!(told[0]["error"]["code"], "job_cancelled");
}
