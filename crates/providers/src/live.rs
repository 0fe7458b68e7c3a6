//! A provider's ordinary endpoints, called one request at a time with the gateway's key.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ports::{self, Called, NotReady, Serving, Whose};
use reqwest::Client;
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret as _, SecretString};

use crate::client::{ConfigError, base, builder};
use crate::engine::{called, headers};

/// For a connection to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// What stands where an answer repeats the key.
const HIDDEN: &str = "***";

/// A provider that is called live.
pub struct Live {
    /// Version included, no slash at its end.
    base: String,
    key: SecretString,
    client: Client,
}

impl Live {
    /// Prepares to call it at that base URL, version included; nothing is called yet.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(base_url: &str, key: SecretString) -> Result<Self, ConfigError> {
        let base = base(base_url)?;
        if base.query().is_some() || base.fragment().is_some() {
            return Err(ConfigError::BaseUrl);
        }
        let client = builder(CONNECT)?.default_headers(headers(Some(&key))?).redirect(Policy::none());
        let client = client.build().map_err(|_| ConfigError::Client)?;
        Ok(Self { base: base.as_str().trim_end_matches('/').to_owned(), key, client })
    }

    /// A refusal goes to a caller, who is not to see the gateway's key: some providers repeat it.
    fn hide(&self, body: Bytes) -> Bytes {
        let (key, text) = (self.key.expose_secret(), String::from_utf8_lossy(&body));
        if key.is_empty() || !text.contains(key) {
            return body;
        }
        Bytes::from(text.replace(key, HIDDEN))
    }
}

#[async_trait]
impl ports::Engine for Live {
    fn whose(&self) -> Whose {
        Whose::Provider
    }

    /// Whatever it is asked for: its list needs no look.
    async fn serving(&self) -> Result<Serving, NotReady> {
        Ok(Serving::default())
    }

    async fn call(&self, endpoint: Endpoint, body: Bytes, timeout_ms: u64) -> Called {
        let path = endpoint.path();
        // The base URL has the version already.
        let address = format!("{}{}", self.base, path.strip_prefix("/v1").unwrap_or(path));
        let mut called = called(self.client.post(address), body, timeout_ms).await;
        if let Called::Answered { status: 300.., body, .. } = &mut called {
            *body = self.hide(std::mem::take(body));
        }
        called
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("base", &self.base).finish_non_exhaustive()
    }
}
