//! One HTTP call: the clients, the addresses, the key, and the reading of answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, header};
use hyper_rustls::ConfigBuilderExt as _;
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, RequestBuilder, Response, Url};
use rustls::ClientConfig;
use rustls::crypto::ring;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;

use super::failure::{Denial, Failure};
use super::progress::Progress;

/// For a connection to come about, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// For an answer, and between two pieces of a download.
const ANSWER: Duration = Duration::from_mins(1);

/// An answer that is no file is not read further than this: a page of results is a mebibyte and one line more.
const LONGEST_ANSWER: usize = 64 << 20;
/// An error's body is not read further than this.
const LONGEST_ERROR: usize = 64 << 10;

/// A server and how it is called.
#[derive(Debug)]
pub(super) struct Client {
    base: Url,
    key: Option<SecretString>,
    /// For reads: follows redirects, which drop the key towards another host.
    reads: reqwest::Client,
    /// For what has an effect: no redirect, no repeat by itself.
    writes: reqwest::Client,
    /// How long a call that fails in passing is tried again.
    pub(super) patience: Duration,
    /// Where people see what goes on.
    pub(super) progress: Progress,
}

impl Client {
    /// Sets up the HTTP clients; calls nothing.
    ///
    /// # Errors
    /// The key cannot stand in a header.
    pub(super) fn new(base: Url, key: Option<&SecretString>, patience: Duration) -> anyhow::Result<Self> {
        // It fails where another part of the process was faster, with the same provider.
        let _ = ring::default_provider().install_default();
        if let Some(key) = key {
            bearer(key)?;
        }
        let is_here = base.host_str().is_some_and(is_loopback);
        let reads = || builder(is_here).read_timeout(ANSWER).redirect(Policy::limited(5));
        let writes = || builder(is_here).redirect(Policy::none());
        Ok(Self {
            base,
            key: key.cloned(),
            reads: build(reads)?,
            writes: build(writes)?,
            patience,
            progress: Progress::new(),
        })
    }

    /// The server's base URL, in its one spelling.
    pub(super) fn base(&self) -> &str {
        self.base.as_str()
    }

    /// A GET; each of its reads must come in time.
    pub(super) fn get(&self, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let mut address = self.address(path);
        if !query.is_empty() {
            address.query_pairs_mut().extend_pairs(query);
        }
        self.reads.get(address)
    }

    /// A POST; its answer must come in time.
    pub(super) fn post(&self, path: &[&str]) -> RequestBuilder {
        self.writes.post(self.address(path)).timeout(ANSWER)
    }

    /// A DELETE; its answer must come in time.
    pub(super) fn delete(&self, path: &[&str]) -> RequestBuilder {
        self.writes.delete(self.address(path)).timeout(ANSWER)
    }

    /// Sends with the key.
    ///
    /// # Errors
    /// [`Failure`]; an answer other than success is a [`Failure::Denied`].
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let request = match self.key.as_ref().and_then(|key| bearer(key).ok()) {
            Some(value) => request.header(header::AUTHORIZATION, value),
            None => request,
        };
        let response = request.send().await.map_err(Failure::of)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // The status says enough when the body is cut.
        let body = whole(response, LONGEST_ERROR).await.unwrap_or_default();
        let key = self.key.as_ref().map(SecretString::expose_secret);
        Err(Failure::Denied(Denial::read(status, &headers, &body, key)))
    }

    /// Sends, and reads the answer's JSON.
    ///
    /// # Errors
    /// [`Failure`].
    pub(super) async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let body = whole(self.send(request).await?, LONGEST_ANSWER).await?;
        serde_json::from_slice(&body).map_err(|error| Failure::Unreadable(error.to_string()))
    }

    fn address(&self, path: &[&str]) -> Url {
        let mut address = self.base.clone();
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        address
    }
}

fn bearer(key: &SecretString) -> anyhow::Result<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
        .ok()
        .context("the API key has characters that no header may have")?;
    value.set_sensitive(true);
    Ok(value)
}

/// No proxy leads back to this machine.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Proxies are those of the environment.
fn builder(is_here: bool) -> ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("offpeak/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .retry(reqwest::retry::never())
        .referer(false);
    if is_here { builder.no_proxy() } else { builder }
}

/// Trusts whom the system trusts. Where it trusts nobody, as in a container with nothing but this binary, the
/// authorities that are compiled in.
fn build(builder: impl Fn() -> ClientBuilder) -> anyhow::Result<reqwest::Client> {
    if let Ok(client) = builder().build() {
        return Ok(client);
    }
    let roots = compiled_in().context("could not set up TLS")?;
    builder().tls_backend_preconfigured(roots).build().context("could not set up the HTTP client")
}

fn compiled_in() -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_webpki_roots().with_no_client_auth())
}

async fn whole(mut response: Response, longest: usize) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(Failure::of)? {
        if body.len() + piece.len() > longest {
            return Err(Failure::Unreadable(format!("it is longer than {longest} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}
