//! Connections to an upstream, and the client that keeps them.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt as _, service_fn};

use super::{Config, RelayError};

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A request's body.
pub(super) type Outgoing = UnsyncBoxBody<Bytes, BoxError>;
/// A client whose connector gives up in time, TLS included.
pub(super) type Connections =
    Client<BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, BoxError>, Outgoing>;

/// Sets up the client. It repeats a call only where a kept connection was closed before the call was begun, and then
/// with the untouched request that it got back.
pub(super) fn connections(config: &Config) -> Result<Connections, RelayError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_keepalive(Some(Duration::from_mins(1)));
    let tls = crate::tls::client_config().map_err(|_| RelayError::Config)?;
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
    let longest = config.connect_timeout;
    let in_time = service_fn(move |origin: Uri| {
        let connecting = https.clone().oneshot(origin);
        async move { tokio::time::timeout(longest, connecting).await? }
    });
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(config.idle_timeout)
        .pool_max_idle_per_host(config.most_idle)
        .build(BoxCloneSyncService::new(in_time)))
}
