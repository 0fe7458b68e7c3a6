//! One signed request to one URL, and what came of it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, header};
use offpeak_core::ports::{Deliver, Delivered, Delivery, NotAdmitted, Silence};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use url::{Host, Url};

use crate::guard::Guard;
use crate::resolve::{Checked, Resolve, System};
use crate::{signing, tls};

/// An answer's body is read so far, so that a short one ends in peace, and never kept.
const LONGEST_ANSWER: usize = 64 << 10;

/// How webhooks are carried.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whether `http` and addresses that are not public may be called. For tests on one machine. Default false.
    pub allow_private: bool,
    /// For a name to be resolved, and a connection to come about, TLS included. Default 5 s.
    pub connect_timeout: Duration,
    /// For a delivery as a whole. Default 15 s.
    pub timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { allow_private: false, connect_timeout: Duration::from_secs(5), timeout: Duration::from_secs(15) }
    }
}

/// The HTTP client cannot be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the HTTP client of webhooks cannot be set up")]
pub struct Unusable;

/// Carries webhooks. Each goes out once, on a connection of its own, which ends with the answer.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    names: Checked,
    connect_timeout: Duration,
}

impl Client {
    /// Sets up the HTTP client with the system's resolver; calls nothing.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn new(config: &Config) -> Result<Self, Unusable> {
        Self::with_resolver(config, Arc::new(System))
    }

    /// The same with another resolver, whose answers are checked like any.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn with_resolver(config: &Config, resolver: Arc<dyn Resolve>) -> Result<Self, Unusable> {
        let names = Checked { resolver, guard: Guard { allow_private: config.allow_private } };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config().map_err(|_| Unusable)?)
            .user_agent(concat!("Offpeak/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout)
            .timeout(config.timeout)
            .dns_resolver(names.clone())
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .http1_only()
            .referer(false)
            .no_proxy()
            .build()
            .map_err(|_| Unusable)?;
        Ok(Self { http, names, connect_timeout: config.connect_timeout })
    }

    fn request(&self, url: Url, delivery: &Delivery, now_s: u64) -> Option<RequestBuilder> {
        let signatures = signing::signatures(&delivery.secrets, &delivery.id, now_s, &delivery.body)?;
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("webhook-id", HeaderValue::from_str(&delivery.id).ok()?);
        headers.insert("webhook-timestamp", HeaderValue::from(now_s));
        headers.insert("webhook-signature", HeaderValue::from_str(&signatures).ok()?);
        Some(self.http.post(url).headers(headers).body(delivery.body.clone()))
    }
}

#[async_trait]
impl Deliver for Client {
    async fn admit(&self, url: &str) -> Result<(), NotAdmitted> {
        let url = self.names.guard.url(url)?;
        let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
        let addresses = tokio::time::timeout(self.connect_timeout, self.names.addresses(name)).await;
        addresses.map_err(|_| NotAdmitted::Unresolvable)?.map(|_| ())
    }

    async fn deliver(&self, delivery: &Delivery, now_s: u64) -> Delivered {
        let url = match self.names.guard.url(&delivery.url) {
            Ok(url) => url,
            Err(forbidden) => return Delivered::Forbidden(forbidden),
        };
        let Some(request) = self.request(url, delivery, now_s) else { return Delivered::Unsendable };
        match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                read_on(response).await;
                Delivered::Answered { status }
            }
            Err(error) => without_answer(&error),
        }
    }
}

/// Reads an answer's body and lets it go. Nothing hangs on it, so neither does it matter how it ends.
async fn read_on(mut response: Response) {
    let mut bytes = 0;
    while let Ok(Some(piece)) = response.chunk().await {
        bytes += piece.len();
        if bytes > LONGEST_ANSWER {
            return;
        }
    }
}

/// The error itself holds the URL, and is not kept.
fn without_answer(error: &reqwest::Error) -> Delivered {
    match not_admitted(error) {
        Some(NotAdmitted::Forbidden(forbidden)) => return Delivered::Forbidden(forbidden),
        Some(_) => return Delivered::Unanswered(Silence::Unresolvable),
        None => {}
    }
    Delivered::Unanswered(if error.is_connect() {
        Silence::Unreachable
    } else if error.is_timeout() {
        Silence::TimedOut
    } else {
        Silence::Broken
    })
}

/// What the resolver has said, if it was the resolver that had the call end.
fn not_admitted(error: &reqwest::Error) -> Option<NotAdmitted> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<NotAdmitted>() {
            return Some(*found);
        }
        next = error.source();
    }
    None
}
