//! The desk of a gateway on another machine: `/worker/*`, as the front door answers it.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderValue, header};
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

/// Where the next page of a chunk's lines begins.
const NEXT: &str = "x-offpeak-next";

/// A gateway's desk.
#[derive(Debug, Clone)]
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

    /// A page of a chunk's lines.
    async fn page(&self, lease: &Lease, from: u32) -> Result<Page, StoreError> {
        let what = if from == 0 { "lines".to_owned() } else { format!("lines?from={from}") };
        let response = send(self.post(&what, lease)).await?;
        let next = match response.headers().get(NEXT) {
            Some(next) => Some(number(next).filter(|next| *next > from).ok_or_else(unreadable)?),
            None => None,
        };
        if response.status() != StatusCode::SEE_OTHER {
            return Ok(Page { lines: pieces(response), next });
        }
        let location = response.headers().get(header::LOCATION).and_then(|url| url.to_str().ok());
        // The key is for the gateway alone.
        let line = send(self.client.get(location.ok_or_else(unreadable)?)).await?;
        let feed = stream::iter([Ok(Bytes::from_static(b"\n"))]);
        Ok(Page { lines: pieces(line).chain(feed).boxed(), next })
    }

    fn post(&self, what: &str, said: &impl Serialize) -> RequestBuilder {
        let call = self.client.post(format!("{}/worker/{what}", self.origin));
        // As bytes: what stands before a gateway would put a text into JSON, and make it longer.
        let call = call.header(header::CONTENT_TYPE, "application/octet-stream").json(said);
        match self.key.as_ref().and_then(bearer) {
            Some(key) => call.header(header::AUTHORIZATION, key),
            None => call,
        }
    }
}

/// A page of a chunk's lines, and where the next one begins.
struct Page {
    lines: ByteStream,
    next: Option<u32>,
}

fn pieces(response: Response) -> ByteStream {
    response.bytes_stream().map_err(|error| StoreError::Unavailable(cause(&error).to_owned())).boxed()
}

fn number(value: &HeaderValue) -> Option<u32> {
    value.to_str().ok()?.parse().ok()
}

fn unreadable() -> StoreError {
    StoreError::Unavailable("its answer cannot be read".to_owned())
}

async fn send(call: RequestBuilder) -> Result<Response, StoreError> {
    let response = call.send().await.map_err(|error| StoreError::Unavailable(cause(&error).to_owned()))?;
    match response.status() {
        status if status.is_success() || status == StatusCode::SEE_OTHER => Ok(response),
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
    serde_json::from_slice(&body).map_err(|_| unreadable())
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
        serde_json::from_slice(&body).map_err(|_| unreadable())
    }

    async fn lines(&self, lease: &Lease) -> Result<ByteStream, StoreError> {
        let first = self.page(lease, 0).await?;
        let rest = stream::try_unfold((self.clone(), lease.clone(), first.next), async |(desk, lease, next)| {
            let Some(from) = next else { return Ok(None) };
            let page = desk.page(&lease, from).await?;
            Ok(Some((page.lines, (desk, lease, page.next))))
        });
        Ok(first.lines.chain(rest.try_flatten()).boxed())
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
