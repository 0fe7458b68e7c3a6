//! Files and Batches of the OpenAI dialect.
//!
//! ```text
//! upload   POST   /files                    multipart, purpose=batch, <submission>.jsonl
//! create   POST   /batches                  once, on a fresh connection; metadata and input file are its marker
//! find     GET    /batches?limit&after      newest first
//! poll     GET    /batches/{id}
//! cancel   POST   /batches/{id}/cancel
//! download GET    /files/{id}/content
//! delete   DELETE /files/{id}
//! ```
//!
//! The provider is the authority on what exists; nothing is remembered here between calls.

mod call;
mod create;
mod failure;
mod files;
mod list;
mod poll;
mod retry;
mod upload;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use offpeak_core::ids::{BatchId, FileId};
use offpeak_core::ports::{BackendError, BatchReport, CreateReply, Download, Marker, NewBatch, Upload};
use offpeak_core::route::ByModel;
use offpeak_core::submission::Limits;
use secrecy::SecretString;

pub use crate::client::ConfigError;

use call::Caller;
use retry::Retry;
pub(crate) use retry::retry_after_ms;

/// How a provider of the OpenAI dialect is called.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it is, version included: `https://api.openai.com/v1`.
    pub base_url: String,
    /// What one of its batches may hold. Default: [`Limits::OPENAI`].
    pub limits: Limits,
    /// The same, of single models. Default: none.
    pub model_limits: ByModel<Limits>,
    /// For a connection to come about, TLS included. Default 10 s.
    pub connect_timeout: Duration,
    /// For an answer, and between two pieces of a download. Default 60 s.
    pub answer_timeout: Duration,
    /// For an upload as a whole. Default 15 min.
    pub upload_timeout: Duration,
    /// Repeats of a read, delete or cancel that failed in passing. Default 3.
    pub repeats: u32,
    /// The first pause between two tries; it doubles up to 8 s. Default 500 ms.
    pub pause: Duration,
}

impl Config {
    /// The defaults for a base URL.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            limits: Limits::OPENAI,
            model_limits: ByModel::default(),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_mins(1),
            upload_timeout: Duration::from_mins(15),
            repeats: 3,
            pause: Duration::from_millis(500),
        }
    }
}

/// A provider of the OpenAI dialect.
#[derive(Debug)]
pub struct Backend {
    caller: Caller,
    retry: Retry,
    limits: Limits,
    model_limits: ByModel<Limits>,
    upload_timeout: Duration,
}

impl Backend {
    /// Sets up the HTTP clients; calls nothing.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            caller: Caller::new(config)?,
            retry: Retry { repeats: config.repeats, pause: config.pause },
            limits: config.limits,
            model_limits: config.model_limits.clone(),
            upload_timeout: config.upload_timeout,
        })
    }
}

#[async_trait]
impl offpeak_core::ports::Backend for Backend {
    fn limits(&self, model: &str) -> Limits {
        self.model_limits.of(model).copied().unwrap_or(self.limits)
    }

    async fn upload(&self, key: &SecretString, upload: Upload) -> Result<FileId, BackendError> {
        Ok(upload::upload(self, key, upload).await?)
    }

    async fn create(&self, key: &SecretString, batch: NewBatch) -> CreateReply {
        create::create(self, key, &batch).await
    }

    async fn find(&self, key: &SecretString, marker: Marker) -> Result<Vec<BatchId>, BackendError> {
        Ok(list::find(self, key, &marker).await?)
    }

    async fn poll(&self, key: &SecretString, batch: &BatchId) -> Result<BatchReport, BackendError> {
        Ok(poll::poll(self, key, batch).await?)
    }

    async fn cancel(&self, key: &SecretString, batch: &BatchId) -> Result<(), BackendError> {
        Ok(poll::cancel(self, key, batch).await?)
    }

    async fn download(&self, key: &SecretString, file: &FileId) -> Result<Download, BackendError> {
        Ok(files::download(self, key, file).await?)
    }

    async fn delete(&self, key: &SecretString, file: &FileId) -> Result<(), BackendError> {
        Ok(files::delete(self, key, file).await?)
    }
}
