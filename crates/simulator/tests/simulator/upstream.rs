//! A simulator behind a socket, and a caller of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use offpeak_simulator::{Counts, Faults, Options, Simulator, serve};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A running simulator; it stops when its test ends.
pub(crate) struct Upstream {
    pub(crate) sim: Arc<Simulator>,
    pub(crate) base: String,
    pub(crate) client: Client,
}

impl Upstream {
    pub(crate) async fn start(options: Options) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let sim = Arc::new(Simulator::new(options));
        tokio::spawn(serve(listener, Arc::clone(&sim), std::future::pending()));
        let client = Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        Self { sim, base, client }
    }

    pub(crate) async fn sound() -> Self {
        Self::start(Options::default()).await
    }

    pub(crate) async fn with_faults(faults: Faults) -> Self {
        Self::start(Options { faults, ..Options::default() }).await
    }

    pub(crate) fn counts(&self) -> Counts {
        self.sim.counts()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).bearer_auth("sk-test").send().await.unwrap()
    }

    pub(crate) async fn get_json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.try_post(path, body).await.unwrap()
    }

    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> reqwest::Result<Response> {
        self.client.post(format!("{}{path}", self.base)).bearer_auth("sk-test").json(body).send().await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Value {
        self.post(path, body).await.json().await.unwrap()
    }

    pub(crate) async fn try_upload(&self, name: &str, purpose: &str, content: &str) -> reqwest::Result<Response> {
        let part = Part::bytes(content.as_bytes().to_vec()).file_name(name.to_owned());
        let form = Form::new().text("purpose", purpose.to_owned()).part("file", part);
        self.client.post(format!("{}/v1/files", self.base)).bearer_auth("sk-test").multipart(form).send().await
    }

    /// Uploads the lines of a batch and says the file's id.
    pub(crate) async fn upload(&self, content: &str) -> String {
        let file: Value = self.try_upload("in.jsonl", "batch", content).await.unwrap().json().await.unwrap();
        text(&file, "/id")
    }

    /// Creates a batch of chat completions.
    pub(crate) async fn create(&self, content: &str) -> Value {
        let file = self.upload(content).await;
        self.post_json("/v1/batches", &order(&file, "/v1/chat/completions")).await
    }

    pub(crate) async fn poll(&self, batch: &Value) -> Value {
        self.get_json(&format!("/v1/batches/{}", text(batch, "/id"))).await
    }

    /// Creates a batch of chat completions and polls it once.
    pub(crate) async fn run(&self, content: &str) -> Value {
        let batch = self.create(content).await;
        self.poll(&batch).await
    }

    pub(crate) async fn cancel(&self, batch: &Value) -> Response {
        self.post(&format!("/v1/batches/{}/cancel", text(batch, "/id")), &json!({})).await
    }

    /// The lines of a batch's output (`/output_file_id`) or error file; none if there is no file.
    pub(crate) async fn lines(&self, batch: &Value, file: &str) -> Vec<Value> {
        let Some(id) = batch.pointer(file).and_then(Value::as_str) else { return Vec::new() };
        let content = self.get(&format!("/v1/files/{id}/content")).await.text().await.unwrap();
        content.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The same by custom id, in order.
    pub(crate) async fn answers(&self, batch: &Value, file: &str) -> BTreeMap<String, Value> {
        let lines = self.lines(batch, file).await;
        lines.into_iter().map(|line| (text(&line, "/custom_id"), line)).collect()
    }
}

/// The string at `pointer`.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer).and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => panic!("no text at {pointer} in {value}"),
    }
}

/// The body of a batch creation.
pub(crate) fn order(file: &str, endpoint: &str) -> Value {
    json!({ "input_file_id": file, "endpoint": endpoint, "completion_window": "24h" })
}

/// A chat completion that asks `text`.
pub(crate) fn chat(text: &str) -> Value {
    json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": text }] })
}

/// A batch line.
pub(crate) fn line(id: &str, url: &str, body: &Value) -> String {
    let line = json!({ "custom_id": id, "method": "POST", "url": url, "body": body });
    format!("{line}\n")
}

/// A batch line for a chat completion.
pub(crate) fn chat_line(id: &str, body: &Value) -> String {
    line(id, "/v1/chat/completions", body)
}

/// So many sound lines, `r0`, `r1`, …, asking `q0`, `q1`, ….
pub(crate) fn chat_lines(count: usize) -> String {
    (0..count).map(|index| chat_line(&format!("r{index}"), &chat(&format!("q{index}")))).collect()
}
