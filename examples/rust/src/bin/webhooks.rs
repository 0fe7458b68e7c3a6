//! A webhook: be told when a batch or a background response has ended, instead of asking. The crate verifies what comes;
//! it cannot manage endpoints yet, so they are created by a plain call.

use std::time::Duration;

use anyhow::{Context, Result};
use async_openai::Client;
use async_openai::types::InputSource;
use async_openai::types::batches::{BatchCompletionWindow, BatchEndpoint, BatchRequest, BatchStatus};
use async_openai::types::files::{CreateFileRequest, FileInput, FilePurpose};
use async_openai::types::responses::CreateResponseArgs;
use async_openai::types::webhooks::WebhookEvent;
use async_openai::webhooks::{WebhookError, Webhooks};
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, routing::post};
use offpeak_examples::expect;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::timeout;

/// What came to the receiver.
struct Told {
    body: String,
    headers: HeaderMap,
}

impl Told {
    /// The event, if the signature holds. The same event may come twice: its id tells.
    fn unwrap(&self, secret: &str) -> Result<WebhookEvent, WebhookError> {
        let header = |name| self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (signature, timestamp) = (header("webhook-signature"), header("webhook-timestamp"));
        Webhooks::build_event(&self.body, signature, timestamp, header("webhook-id"), secret)
    }
}

/// An ordinary web server, here one on this machine: it keeps what comes, and says that it has it. Any 2xx does.
async fn receiver() -> Result<(String, Receiver<Told>)> {
    let (tell, told) = channel(100);
    let keep = move |headers: HeaderMap, body: String| {
        let tell = tell.clone();
        async move { tell.send(Told { body, headers }).await.map_or(StatusCode::GONE, |()| StatusCode::NO_CONTENT) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/offpeak", listener.local_addr()?);
    tokio::spawn(async { axum::serve(listener, Router::new().route("/offpeak", post(keep))).await });
    Ok((url, told))
}

async fn next(told: &mut Receiver<Told>) -> Result<Told> {
    timeout(Duration::from_secs(60), told.recv()).await.context("nothing was told for a minute")?.context("a receiver")
}

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::new();
    let (url, mut told) = receiver().await?;

    let endpoints = std::env::var("OPENAI_BASE_URL")? + "/webhook_endpoints";
    let (http, key) = (reqwest::Client::new(), std::env::var("OPENAI_API_KEY")?);
    let types = ["batch.completed", "response.completed"];
    let asked =
        http.post(&endpoints).bearer_auth(&key).json(&json!({"name": "rust", "url": url, "event_types": types}));
    let endpoint: Value = asked.send().await?.error_for_status()?.json().await?;
    let secret = endpoint["signing_secret"].as_str().context("a secret")?;

    let question = json!({"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Describe product 7."}]});
    let line = json!({"custom_id": "rust 7", "method": "POST", "url": "/v1/chat/completions", "body": question});
    let source = InputSource::VecU8 { filename: "one.jsonl".to_owned(), vec: line.to_string().into_bytes() };
    let file = FileInput { source };
    let file =
        client.files().create(CreateFileRequest { file, purpose: FilePurpose::Batch, expires_after: None }).await?;
    let asked = BatchRequest {
        input_file_id: file.id,
        endpoint: BatchEndpoint::V1ChatCompletions,
        completion_window: BatchCompletionWindow::W24H,
        metadata: None,
        output_expires_after: None,
    };
    let batch = client.batches().create(asked).await?;
    let call = next(&mut told).await?;
    let WebhookEvent::BatchCompleted(event) = call.unwrap(secret)? else {
        anyhow::bail!("expected batch.completed, got {}", call.body);
    };
    expect("event of the batch", event.data.id, batch.id.as_str())?;
    expect("status by then", client.batches().retrieve(&batch.id).await?.status, BatchStatus::Completed)?;

    let asked = CreateResponseArgs::default().model("gpt-4.1-mini").input("Why?").background(true).build()?;
    let response = client.responses().create(asked).await?;
    let mut call = next(&mut told).await?;
    let WebhookEvent::ResponseCompleted(event) = call.unwrap(secret)? else {
        anyhow::bail!("expected response.completed, got {}", call.body);
    };
    expect("event of the response", event.data.id, response.id.as_str())?;
    let answer = client.responses().retrieve(&response.id).await?.output_text();
    expect("answer by then", answer.as_deref(), Some("echo: Why?"))?;

    // What somebody else sends is refused.
    call.body = call.body.replace("completed", "failed");
    let refused = matches!(call.unwrap(secret), Err(WebhookError::InvalidSignature));
    expect("an altered event is refused", refused, true)?;

    let id = endpoint["id"].as_str().context("an id")?;
    http.delete(format!("{endpoints}/{id}")).bearer_auth(&key).send().await?.error_for_status()?;
    println!("ok");
    Ok(())
}
