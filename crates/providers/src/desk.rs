//! The desk of a gateway on another machine: `/worker/*`, as the front door answers it.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _};
use offpeak_core::ports::{self, Ask, ByteStream, Checkpoint, Lease, Leaving, Report, Standing, StoreError};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::{ConfigError, bearer, builder, cause, origin, whole};

/// For an answer, and between two pieces of a chunk's lines.
const ANSWER: Duration = Duration::from_mins(1);

/// The longest answer that is no stream: a lease with many suspects.
const LONGEST: usize = 4 << 20;

/// A gateway's desk.
#[derive(Debug)]
pub struct Desk {
    origin: String,
    key: Option<SecretString>,
    client: Client,
}

impl Desk {
    /// Of the gateway at `url`, with or without `/v1`; `key` is the workers'.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(url: &str, key: Option<SecretString>) -> Result<Self, ConfigError> {
        if key.as_ref().is_some_and(|key| bearer(key).is_none()) {
            return Err(ConfigError::Client);
        }
        let client = builder(Duration::from_secs(10))?.redirect(Policy::none()).read_timeout(ANSWER);
        Ok(Self { origin: origin(url)?, key, client: client.build().map_err(|_| ConfigError::Client)? })
    }

    fn post(&self, what: &str, said: &impl Serialize) -> RequestBuilder {
        let call = self.client.post(format!("{}/worker/{what}", self.origin)).json(said);
        match self.key.as_ref().and_then(bearer) {
            Some(key) => call.header(http::header::AUTHORIZATION, key),
            None => call,
        }
    }
}

async fn send(call: RequestBuilder) -> Result<Response, StoreError> {
    let response = call.send().await.map_err(|error| StoreError::Unavailable(cause(&error).to_owned()))?;
    match response.status() {
        status if status.is_success() => Ok(response),
        StatusCode::NOT_FOUND => Err(StoreError::NotFound),
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => {
            Err(StoreError::Corrupt("the gateway refuses the report".to_owned()))
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(StoreError::Unavailable("the gateway does not take this worker's key".to_owned()))
        }
        status => Err(StoreError::Unavailable(format!("the gateway answered {}", status.as_u16()))),
    }
}

async fn json<T: DeserializeOwned>(call: RequestBuilder) -> Result<T, StoreError> {
    let body = whole(send(call).await?, LONGEST).await.map_err(|why| StoreError::Unavailable(why.to_owned()))?;
    serde_json::from_slice(&body).map_err(|_| StoreError::Unavailable("its answer cannot be read".to_owned()))
}

#[async_trait]
impl ports::Desk for Desk {
    async fn take(&self, ask: &Ask) -> Result<Option<Lease>, StoreError> {
        let response = match send(self.post("take", ask)).await {
            // A gateway without a fleet has no desk.
            Err(StoreError::NotFound) => return Err(StoreError::Unavailable("the gateway has no fleet".to_owned())),
            response => response?,
        };
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let body = whole(response, LONGEST).await.map_err(|why| StoreError::Unavailable(why.to_owned()))?;
        serde_json::from_slice(&body).map_err(|_| StoreError::Unavailable("its answer cannot be read".to_owned()))
    }

    async fn lines(&self, lease: &Lease) -> Result<ByteStream, StoreError> {
        let pieces = send(self.post("lines", lease)).await?.bytes_stream();
        Ok(pieces.map_err(|error| StoreError::Unavailable(cause(&error).to_owned())).boxed())
    }

    async fn keep(&self, lease: &Lease, checkpoint: Option<Checkpoint>) -> Result<Standing, StoreError> {
        json(self.post("keep", &Report { lease: lease.clone(), checkpoint, leaving: None })).await
    }

    async fn leave(
        &self,
        lease: &Lease,
        checkpoint: Option<Checkpoint>,
        leaving: Leaving,
    ) -> Result<Standing, StoreError> {
        json(self.post("leave", &Report { lease: lease.clone(), checkpoint, leaving: Some(leaving) })).await
    }
}
