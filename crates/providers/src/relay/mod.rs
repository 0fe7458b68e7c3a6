//! Calls passed through to an upstream as they are.
//!
//! A relayed call keeps its method, query, body and end-to-end headers, `Idempotency-Key` among them; what belongs to
//! one connection, what speaks to Offpeak (`x-offpeak-*`) and the caller's `Host` stay behind. It is sent once. Only
//! where a kept connection turns out to be closed before the call was begun is it sent on another: then the whole
//! request, its body untouched, has come back.

mod address;
mod body;
mod headers;
mod pool;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri};
use http_body::Body;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower::ServiceExt as _;

use address::Address;
use body::Held;
use pool::{Link, Outgoing, Pool};

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
            head_timeout: Duration::from_secs(900),
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
    /// The upstream's base URL is none, or TLS cannot be set up.
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
    connector: HttpsConnector<HttpConnector>,
    pool: Arc<Pool>,
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
        let address = Address::read(&config.base_url).ok_or(RelayError::Config)?;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_secs(60)));
        let tls = crate::tls::client_config().map_err(|_| RelayError::Config)?;
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        Ok(Self {
            address,
            connector: https.wrap_connector(http),
            pool: Pool::new(config.most_idle, config.idle_timeout),
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
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let request = self.prepare(key, request)?;
        let calls = Arc::clone(&self.calls);
        let permit = timeout(self.connect_timeout, calls.acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(RelayError::Saturated) };
        let (response, link) = timeout(self.head_timeout, self.exchange(request)).await.map_err(|_| RelayError::TimedOut)??;
        let (mut head, incoming) = response.into_parts();
        headers::end_to_end(&mut head.headers);
        let held = Held { link, pool: Arc::clone(&self.pool), permit };
        Ok(Response::from_parts(head, ResponseBody::new(incoming, held)))
    }

    fn prepare<B>(&self, key: Option<&SecretString>, request: Request<B>) -> Result<Request<Outgoing>, RelayError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut head, body) = request.into_parts();
        head.uri = self.address.path(&head.uri)?;
        head.version = http::Version::HTTP_11;
        let sized = body.size_hint().exact().is_some();
        headers::for_upstream(&mut head.headers, &self.address.host, key.map(bearer).transpose()?, sized);
        Ok(Request::from_parts(head, body.map_err(Into::into).boxed_unsync()))
    }

    async fn exchange(&self, mut request: Request<Outgoing>) -> Result<(Response<Incoming>, Link), RelayError> {
        loop {
            let mut link = match self.pool.take() {
                Some(link) => link,
                None => self.connect().await?,
            };
            let mut error = match link.exchange(request).await {
                Ok(response) => return Ok((response, link)),
                Err(error) => error,
            };
            request = match error.take_message() {
                Some(unsent) if link.reused => unsent,
                Some(_) => return Err(RelayError::Unreachable),
                None => return Err(RelayError::Cut),
            };
        }
    }

    async fn connect(&self) -> Result<Link, RelayError> {
        let connected = timeout(self.connect_timeout, self.connector.clone().oneshot(Uri::clone(&self.address.origin)));
        let stream = connected.await.map_err(|_| RelayError::Unreachable)?.map_err(|_| RelayError::Unreachable)?;
        Link::start(stream).await.map_err(|_| RelayError::Unreachable)
    }
}

fn bearer(key: &SecretString) -> Result<HeaderValue, RelayError> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", key.expose_secret())).map_err(|_| RelayError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}
