//! The HTTP client that every room here calls with, and what they all read of an address.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use reqwest::{Client, ClientBuilder, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};

/// What is to be called cannot be called as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The base URL is none, not of http or https, or holds a password.
    #[error("the base URL is not a plain http or https address")]
    BaseUrl,
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client,
}

/// A client that repeats nothing by itself and reads nothing from its environment.
pub(crate) fn builder(connect_timeout: Duration) -> Result<ClientBuilder, ConfigError> {
    let tls = crate::tls::client_config().map_err(|_| ConfigError::Client)?;
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("offpeak/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(Duration::from_secs(30))
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy())
}

/// An address without a name or a password in it.
pub(crate) fn base(text: &str) -> Result<Url, ConfigError> {
    let base: Url = text.parse().map_err(|_| ConfigError::BaseUrl)?;
    let anonymous = base.username().is_empty() && base.password().is_none();
    if !matches!(base.scheme(), "http" | "https") || base.host().is_none() || !anonymous {
        return Err(ConfigError::BaseUrl);
    }
    Ok(base)
}

/// The address of a server, without `/v1` and without a slash at its end.
pub(crate) fn origin(text: &str) -> Result<String, ConfigError> {
    let base = base(text)?;
    if base.query().is_some() || base.fragment().is_some() {
        return Err(ConfigError::BaseUrl);
    }
    let path = base.as_str().trim_end_matches('/');
    Ok(path.strip_suffix("/v1").unwrap_or(path).trim_end_matches('/').to_owned())
}

/// A key as a header's value, which no log shows.
pub(crate) fn bearer(key: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Reads an answer to its end.
///
/// # Errors
/// Why it is not whole: without its address, which may be secret.
pub(crate) async fn whole(mut response: Response, longest: usize) -> Result<Bytes, &'static str> {
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(|error| cause(&error))? {
        if body.len() + piece.len() > longest {
            return Err(TOO_LONG);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

/// What is said where an answer is longer than is taken.
pub(crate) const TOO_LONG: &str = "its answer is too long";

/// What is said where an answer did not come in time.
pub(crate) const TIMED_OUT: &str = "it took too long";

/// Why a call failed, without its address.
pub(crate) fn cause(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        TIMED_OUT
    } else {
        "the connection broke"
    }
}
