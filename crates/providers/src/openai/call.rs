//! One HTTP call: the clients, the addresses, and the reading of answers.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;

use super::failure::{Denial, Failure, refusal};
use super::retry::retry_after_ms;
use super::wire::Fault;
use super::{Config, ConfigError};
use crate::client::{base, bearer, builder};

/// An answer that is no file is not read further than this: a page of 100 batches takes some 100 KB.
const LONGEST_ANSWER: usize = 8 << 20;
/// An error's body is not read further than this.
const LONGEST_ERROR: usize = 64 << 10;

/// The two clients and where they call.
#[derive(Debug)]
pub(super) struct Caller {
    base: Url,
    /// For what may be repeated: keeps connections, follows redirects (which drop the key towards another host).
    reads: Client,
    /// For what must be sent once: a fresh connection per call, no redirect, no repeat of any kind. On a fresh
    /// connection hyper-util never sends a request again.
    once: Client,
    answer_timeout: Duration,
}

impl Caller {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let base = base(&config.base_url)?;
        let reads = builder(config.connect_timeout)?.read_timeout(config.answer_timeout).redirect(Policy::limited(5));
        let once = builder(config.connect_timeout)?.pool_max_idle_per_host(0).redirect(Policy::none());
        Ok(Self {
            base,
            reads: reads.build().map_err(|_| ConfigError::Client)?,
            once: once.build().map_err(|_| ConfigError::Client)?,
            answer_timeout: config.answer_timeout,
        })
    }

    /// A call that may be repeated. Its time-out spans the whole answer; a download's spans each read only.
    pub(super) fn read(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let mut address = self.address(path);
        if !query.is_empty() {
            address.query_pairs_mut().extend_pairs(query);
        }
        self.reads.request(method, address)
    }

    /// A call that is sent once.
    pub(super) fn once(&self, path: &[&str], timeout: Duration) -> RequestBuilder {
        self.once.post(self.address(path)).timeout(timeout)
    }

    /// The time-out of one answer that is no file.
    pub(super) const fn answer_timeout(&self) -> Duration {
        self.answer_timeout
    }

    fn address(&self, path: &[&str]) -> Url {
        let mut address = self.base.clone();
        address.set_query(None);
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        address
    }
}

/// Sends with the key. A status other than success is a [`Failure::Denied`].
pub(super) async fn send(request: RequestBuilder, key: &SecretString) -> Result<Response, Failure> {
    let value = bearer(key).ok_or(Failure::Key)?;
    let response = match request.header(header::AUTHORIZATION, value).send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return Err(Failure::Unreachable),
        Err(_) => return Err(Failure::Unanswered),
    };
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let retry_after_ms = retry_after_ms(response.headers());
    // The status says enough when the body is cut.
    let body = whole(response, LONGEST_ERROR).await.unwrap_or_default();
    let refusal = refusal(status, Fault::read_body(&body), key.expose_secret());
    Err(Failure::Denied(Denial { status, retry_after_ms, refusal }))
}

/// Reads an answer's JSON.
pub(super) async fn json<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    let body = whole(response, LONGEST_ANSWER).await?;
    serde_json::from_slice(&body).map_err(|_| Failure::Unreadable)
}

async fn whole(mut response: Response, longest: usize) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(|_| Failure::Unanswered)? {
        if body.len() + piece.len() > longest {
            return Err(Failure::Unreadable);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}
