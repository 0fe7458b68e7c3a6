//! Calls passed through to an upstream as they are.
//!
//! A relayed call keeps its method, query, body and end-to-end headers, `Idempotency-Key` among them; what belongs to
//! one connection, what speaks to Offpeak (`x-offpeak-*`) and the caller's `Host` stay behind. It is sent once. Only
//! where a kept connection turns out to be closed before the call was begun is it sent on another: then the whole
//! request, its body untouched, has come back.

mod address;
mod body;
mod connect;
mod headers;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use address::Address;
use connect::{BoxError, Connections, Outgoing};

pub use body::ResponseBody;

/// How an upstream is called.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it is, version included: `https://api.openai.com/v1`. Its path takes the place of a caller's `/v1`.
    pub base_url: String,
    /// For a connection to come about, TLS included. Default 10 s.
    pub connect_timeout: Duration,
    /// For the head of an answer, counted from sending. Default 15 min: past the official SDKs' own 10 min.
    pub head_timeout: Duration,
    /// Calls in progress at once; one more waits as long as for a connection. Default 1024.
    pub most_calls: usize,
    /// Idle connections that are kept. Default 128.
    pub most_idle: usize,
    /// How long an idle connection is kept. Default 30 s.
    pub idle_timeout: Duration,
}

impl Config {
    /// The defaults for a base URL.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            connect_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_mins(15),
            most_calls: 1024,
            most_idle: 128,
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// Why a call could not be relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The upstream's base URL is none or holds a password, or TLS cannot be set up.
    #[error("the upstream cannot be called as configured")]
    Config,
    /// The path is not below `/v1`, or has dot segments. Nothing was sent.
    #[error("the path is not below /v1")]
    Path,
    /// The key cannot stand in a header. Nothing was sent.
    #[error("the key has characters that no header may have")]
    Key,
    /// Too many calls are in progress. Nothing was sent.
    #[error("too many calls are in progress")]
    Saturated,
    /// No connection came about. Nothing was sent.
    #[error("the upstream cannot be reached")]
    Unreachable,
    /// No answer within its time; the call may have taken effect.
    #[error("the upstream did not answer in time")]
    TimedOut,
    /// The connection, or the caller's own body, ended too early; the call may have taken effect.
    #[error("the call was cut off")]
    Cut,
}

/// One upstream and the connections to it.
#[derive(Debug)]
pub struct Upstream {
    address: Address,
    connections: Connections,
    calls: Arc<Semaphore>,
    connect_timeout: Duration,
    head_timeout: Duration,
}

impl Upstream {
    /// Prepares the calls; connects to nothing.
    ///
    /// # Errors
    /// [`RelayError::Config`].
    pub fn new(config: &Config) -> Result<Self, RelayError> {
        Ok(Self {
            address: Address::read(&config.base_url).ok_or(RelayError::Config)?,
            connections: connect::connections(config)?,
            calls: Arc::new(Semaphore::new(config.most_calls.min(Semaphore::MAX_PERMITS))),
            connect_timeout: config.connect_timeout,
            head_timeout: config.head_timeout,
        })
    }

    /// Relays a call; with a key, that takes the place of the caller's `Authorization`.
    ///
    /// The answer is the upstream's whatever its status. Dropping this future, or the answer's body, closes the
    /// connection. Calls run concurrently; a repeat is another call.
    ///
    /// # Errors
    /// [`RelayError`]; its variants say whether anything was sent.
    pub async fn send<B>(
        &self,
        key: Option<&SecretString>,
        request: Request<B>,
    ) -> Result<Response<ResponseBody>, RelayError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let request = self.prepare(key, request)?;
        let call = timeout(self.connect_timeout, Arc::clone(&self.calls).acquire_owned()).await;
        let Ok(Ok(call)) = call else { return Err(RelayError::Saturated) };
        let response = match timeout(self.head_timeout, self.connections.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => return Err(RelayError::Unreachable),
            Ok(Err(_)) => return Err(RelayError::Cut),
            Err(_) => return Err(RelayError::TimedOut),
        };
        let (mut head, incoming) = response.into_parts();
        headers::for_caller(&mut head.headers);
        Ok(Response::from_parts(head, ResponseBody::new(incoming, call)))
    }

    fn prepare<B>(&self, key: Option<&SecretString>, request: Request<B>) -> Result<Request<Outgoing>, RelayError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (mut head, body) = request.into_parts();
        head.uri = self.address.of(&head.uri)?;
        head.version = http::Version::HTTP_11;
        head.extensions.clear();
        let length = body.size_hint().exact();
        let key = key.map(bearer).transpose()?;
        headers::for_upstream(&mut head.headers, self.address.host(), key, length.is_some());
        if length == Some(0) && matches!(head.method, Method::POST | Method::PUT | Method::PATCH) {
            // hyper says nothing for an empty body, and some servers then answer 411.
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(Request::from_parts(head, body.map_err(Into::into).boxed_unsync()))
    }
}

fn bearer(key: &SecretString) -> Result<HeaderValue, RelayError> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose_secret())).map_err(|_| RelayError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}
