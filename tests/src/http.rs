//! A small HTTP client.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::http::request::Builder;
use hyper::{HeaderMap, Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::PATIENCE;

/// Callers of one address.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    key: Option<String>,
}

/// A call that is being put together.
#[derive(Debug)]
pub struct Call {
    client: Client<HttpConnector, Full<Bytes>>,
    request: Builder,
    body: Bytes,
    within: Duration,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

impl Http {
    /// Callers of `http://HOST:PORT`, without a key.
    pub fn to(base: impl Into<String>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, base: base.into(), key: None }
    }

    /// The same, with an API key.
    #[must_use]
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self.clone() }
    }

    /// Begins a GET.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// Begins a POST of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Call {
        self.post_bytes(path, body.to_string()).header("content-type", "application/json")
    }

    /// Begins a POST of these bytes.
    pub fn post_bytes(&self, path: &str, body: impl Into<Bytes>) -> Call {
        Call { body: body.into(), ..self.call(Method::POST, path) }
    }

    /// Begins any call.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        Call { client: self.client.clone(), request, body: Bytes::new(), within: PATIENCE }
    }

    /// The JSON at a path, which must be there.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).send().await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }
}

impl Call {
    /// With this body.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// With one more header.
    #[must_use]
    pub fn header(self, name: &str, value: impl AsRef<str>) -> Self {
        Self { request: self.request.header(name, value.as_ref()), ..self }
    }

    /// With a retry count, as SDKs send it.
    #[must_use]
    pub fn retry(self, count: u32) -> Self {
        self.header("x-stainless-retry-count", count.to_string())
    }

    /// With another bound on the time until its answer is whole.
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    /// Sends; the answer must come.
    pub async fn send(self) -> Answer {
        self.try_send().await.unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// Sends.
    ///
    /// # Errors
    /// A sentence on why no whole answer came.
    pub async fn try_send(self) -> Result<Answer, String> {
        let request = self.request.body(Full::from(self.body)).map_err(|error| error.to_string())?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| format!("{error:?}"))?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(self.within, exchange).await.unwrap_or_else(|_| Err("too late".to_owned()))
    }
}

impl Answer {
    /// The body as JSON, which it must be.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The job whose answer this is.
    #[track_caller]
    pub fn job(&self) -> &str {
        let job = self.header("x-offpeak-job");
        assert!(job.starts_with("job_"), "no job: {self:?}");
        job
    }

    /// Checks the status and OpenAI's error envelope, all four keys of it, and returns the code.
    #[track_caller]
    pub fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.header("content-type").starts_with("application/json"), "{self:?}");
        let body = self.json();
        let error = body["error"].as_object().unwrap_or_else(|| panic!("no envelope: {body}"));
        let mut keys: Vec<&str> = error.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["code", "message", "param", "type"], "{body}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        error["code"].as_str().unwrap_or_else(|| panic!("a code that is no text: {body}")).to_owned()
    }

    /// Checks that it is the echo of a question.
    #[track_caller]
    pub fn echoes(&self, question: &str) {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(crate::echoed(&self.body).as_deref(), Some(question), "{self:?}");
    }
}
