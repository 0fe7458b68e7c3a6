//! A model server that speaks OpenAI's dialect, called one request at a time: vLLM, `SGLang`, TGI, llama.cpp and the like.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ports::{self, Called, NotReady, Serving};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;

use crate::client::{ConfigError, TIMED_OUT, TOO_LONG, bearer, builder, cause, origin, whole};

/// A longer answer is no answer: the longest that OpenAI's batches carry.
const LONGEST_ANSWER: usize = 64 << 20;

/// For the questions whether it is there, and what it serves.
const ASKED: Duration = Duration::from_secs(5);

/// How an engine is called.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it is: `http://127.0.0.1:8000`, with or without `/v1`.
    pub url: String,
    /// Its key, if it wants one.
    pub key: Option<SecretString>,
    /// For a connection to come about. Default 10 s.
    pub connect_timeout: Duration,
}

impl Config {
    /// An engine without a key.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), key: None, connect_timeout: Duration::from_secs(10) }
    }
}

/// One engine.
#[derive(Debug)]
pub struct Engine {
    origin: String,
    client: Client,
}

#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
}

impl Engine {
    /// Prepares to call it; nothing is called yet.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let origin = origin(&config.url)?;
        let headers = headers(config.key.as_ref())?;
        let client = builder(config.connect_timeout)?.default_headers(headers).redirect(Policy::none());
        Ok(Self { origin, client: client.build().map_err(|_| ConfigError::Client)? })
    }

    /// Whether it says that it is well. Not every engine can be asked.
    async fn is_well(&self) -> Result<(), NotReady> {
        let health = self.client.get(format!("{}/health", self.origin)).timeout(ASKED);
        match health.send().await.map_err(|error| not_ready(&error))?.status() {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(()),
            status if status.is_success() => Ok(()),
            status => Err(NotReady::gone(format!("its health is {}", status.as_u16()))),
        }
    }
}

#[async_trait]
impl ports::Engine for Engine {
    async fn serving(&self) -> Result<Serving, NotReady> {
        self.is_well().await?;
        let models = self.client.get(format!("{}/v1/models", self.origin)).timeout(ASKED);
        let response = models.send().await.map_err(|error| not_ready(&error))?;
        if !response.status().is_success() {
            return Err(NotReady::gone(format!("its list of models answers {}", response.status().as_u16())));
        }
        let body = whole(response, LONGEST_ANSWER).await.map_err(NotReady::gone)?;
        let models: Models =
            serde_json::from_slice(&body).map_err(|_| NotReady::gone("its list of models cannot be read"))?;
        Ok(Serving { models: models.data.into_iter().map(|model| model.id).collect() })
    }

    async fn call(&self, endpoint: Endpoint, body: Bytes, timeout_ms: u64) -> Called {
        called(self.client.post(format!("{}{}", self.origin, endpoint.path())), body, timeout_ms).await
    }
}

/// What goes with every call of an engine.
///
/// # Errors
/// [`ConfigError::Client`]: the key is no header's value.
pub(crate) fn headers(key: Option<&SecretString>) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(key) = key {
        headers.insert(header::AUTHORIZATION, bearer(key).ok_or(ConfigError::Client)?);
    }
    Ok(headers)
}

/// Sends a call, and reads what comes of it to its end.
pub(crate) async fn called(call: RequestBuilder, body: Bytes, timeout_ms: u64) -> Called {
    let response = match call.timeout(Duration::from_millis(timeout_ms)).body(body).send().await {
        Ok(response) => response,
        Err(error) if error.is_timeout() && !error.is_connect() => return Called::TimedOut,
        Err(error) if error.is_connect() => return Called::Unreached(cause(&error).to_owned()),
        Err(error) => return Called::Broken(cause(&error).to_owned()),
    };
    let status = response.status().as_u16();
    let retry_after_ms = crate::openai::retry_after_ms(response.headers());
    let request_id = response.headers().get("x-request-id");
    let request_id = request_id.and_then(|id| id.to_str().ok()).filter(|id| id.len() <= 128).map(str::to_owned);
    match whole(response, LONGEST_ANSWER).await {
        Ok(body) => Called::Answered { status, body, request_id, retry_after_ms },
        Err(TIMED_OUT) => Called::TimedOut,
        Err(TOO_LONG) => Called::TooLong { most: LONGEST_ANSWER },
        Err(why) => Called::Broken(why.to_owned()),
    }
}

fn not_ready(error: &reqwest::Error) -> NotReady {
    NotReady { why: cause(error).to_owned(), is_silent: error.is_timeout() && !error.is_connect() }
}
