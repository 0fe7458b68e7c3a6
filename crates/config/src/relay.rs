//! The relay port of the front door over the providers' lean upstream.

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use offpeak_api::{Relay, RelayError};
use offpeak_providers::relay::{RelayError as Upstream, Upstream as Connection};
use secrecy::SecretString;

/// One upstream.
pub(crate) struct UpstreamRelay(pub(crate) Connection);

#[async_trait]
impl Relay for UpstreamRelay {
    async fn send(&self, request: Request, key: Option<&SecretString>) -> Result<Response, RelayError> {
        match self.0.send(key, request).await {
            Ok(response) => Ok(response.map(Body::new)),
            Err(Upstream::TimedOut) => Err(RelayError::TimedOut),
            Err(error @ (Upstream::Saturated | Upstream::Unreachable)) => Err(RelayError::NotSent(error.to_string())),
            Err(Upstream::Path) => Err(RelayError::Refused),
            Err(error) => Err(RelayError::Unreachable(error.to_string())),
        }
    }
}
