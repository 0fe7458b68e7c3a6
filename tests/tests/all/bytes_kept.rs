//! Bodies are bytes: what a caller wrote reaches the provider, and what the provider answered reaches the caller.

use offpeak_tests::{Gateway, Recorder};

const CHAT: &str = "/v1/chat/completions";

/// JSON as only a machine of its own mind would write it.
const ANSWER: &str = r#"{ "id" :"x","model":"up-1" , "n":1.50E+400,"neg":-0.0,"choices":[{"index":0,"message":{"content":"\ud83d\ude00 ü\u00fc","role":"assistant"}}],"dup":1,"dup":2, "usage":{"prompt_tokens":3,"completion_tokens":4}}"#;

const BODY: &str = r#"{"zeta":1e400,"model":"gpt-x", "messages":[{"role":"user","content":"\ud83d\ude00 \u00fc ü"}],"price":0.10,"big":12345678901234567890123,"unknown":{"b":1,"a":[ ]},"seed":-0}"#;

#[tokio::test]
async fn a_request_reaches_the_provider_byte_for_byte() {
    let upstream = Recorder::answering(ANSWER).await;
    let gateway = Gateway::before_url(upstream.url()).start().await;
    let answer = gateway.http.post_bytes(CHAT, BODY).header("content-type", "application/json").send().await;
    let line =
        format!(r#"{{"custom_id":"{}","method":"POST","url":"/v1/chat/completions","body":{BODY}}}"#, answer.job());
    assert_eq!(upstream.lines(), [line]);
}

#[tokio::test]
async fn an_answer_reaches_its_caller_byte_for_byte() {
    let upstream = Recorder::answering(ANSWER).await;
    let gateway = Gateway::before_url(upstream.url()).start().await;
    let answer = gateway.http.post_bytes(CHAT, BODY).header("content-type", "application/json").send().await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ANSWER));
    let result = gateway.http.get(&format!("/v1/jobs/{}/result", answer.job())).send().await;
    assert_eq!(result.text(), ANSWER);
}

#[tokio::test]
async fn only_what_a_line_cannot_have_is_left_out() {
    let upstream = Recorder::answering(ANSWER).await;
    let gateway = Gateway::before_url(upstream.url()).start().await;
    let body =
        "{\n \"stream\": false,\n \"model\": \"gpt-x\",\r\n \"background\":false, \"messages\": [ {\"stream\":1} ]\n}";
    let call = gateway.http.post_bytes(CHAT, body).header("content-type", "application/json");
    let answer = call.header("x-offpeak-tag", "secret-tag").header("idempotency-key", "secret-key").send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let lines = upstream.lines();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].ends_with("\"body\":{  \"model\": \"gpt-x\",\"messages\": [ {\"stream\":1} ] }}"), "{lines:?}");
    assert!(!lines[0].contains("secret"), "{lines:?}");
}

#[tokio::test]
async fn a_renamed_model_is_restored_in_the_answer() {
    let upstream = Recorder::answering(ANSWER).await;
    let route = "[[route]]\nmodel = \"small\"\nupstream_model = \"up-1\"";
    let gateway = Gateway::before_url(upstream.url()).config(route).start().await;
    let body = BODY.replace("gpt-x", "small");
    let answer = gateway.http.post_bytes(CHAT, body.clone()).header("content-type", "application/json").send().await;
    assert!(upstream.lines()[0].contains(&BODY.replace("gpt-x", "up-1")), "{:?}", upstream.lines());
    assert_eq!(answer.text(), ANSWER.replace("up-1", "small"));
    let shown = gateway.http.json(&format!("/v1/jobs/{}", answer.job())).await;
    assert_eq!(shown["model"], "small");
}

#[tokio::test]
async fn a_large_body_travels_whole() {
    let upstream = Recorder::answering(ANSWER).await;
    let gateway = Gateway::before_url(upstream.url()).start().await;
    let body = BODY.replace("\"unknown\"", &format!("\"pad\":\"{}\",\"unknown\"", "0123456789".repeat(200_000)));
    let answer = gateway.http.post_bytes(CHAT, body.clone()).header("content-type", "application/json").send().await;
    assert_eq!(answer.text(), ANSWER);
    assert!(upstream.lines()[0].ends_with(&format!("\"body\":{body}}}")));
}
