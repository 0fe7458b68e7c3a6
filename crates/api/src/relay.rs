//! Calls that are no jobs go to the upstream as they are, as far as the mode allows (DESIGN, Faces).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::fleet;
use offpeak_core::ports::StoreError;
use offpeak_core::route::Route;
use secrecy::SecretString;

use crate::caller::{Auth, authenticate, own_credential};
use crate::error::ApiError;
use crate::gateway::Gateway;
use crate::headers;

/// Why a relayed call got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The upstream went away during the call, which may have taken effect.
    #[error("the upstream cannot be reached: {0}")]
    Unreachable(String),
    /// Nothing was sent, and a later try may be.
    #[error("the call was not sent: {0}")]
    NotSent(String),
    /// The call is none that the upstream may be sent.
    #[error("the call may not be relayed")]
    Refused,
    /// The upstream did not answer in time.
    #[error("the upstream did not answer in time")]
    TimedOut,
}

/// The upstream of calls that are no jobs.
#[async_trait]
pub trait Relay: Send + Sync {
    /// Sends a call on and returns the upstream's answer, both bodies streamed. With a key, that key replaces the
    /// caller's.
    ///
    /// # Errors
    /// [`RelayError`].
    async fn send(&self, request: Request, key: Option<&SecretString>) -> Result<Response, RelayError>;
}

/// Relays what no other route answers.
pub(crate) async fn relay(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    match forward(&gateway, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn forward(gateway: &Gateway, request: Request) -> Result<Response, ApiError> {
    let path = request.uri().path();
    if !path.starts_with("/v1/") || ours(path) || ambiguous(path) || barred(request.method(), path) {
        return Err(ApiError::no_such_url(path));
    }
    authenticate(gateway, request.headers()).await?;
    if headers::private(request.headers())? {
        let message = "This request is private, and its path is relayed to a provider.";
        return Err(ApiError::bad_request("no_private_target", None, message));
    }
    if gateway.auth == Auth::Keys && !allowed(&gateway.rules.relay_allow, path) {
        return Err(ApiError::no_such_url(path));
    }
    send(gateway, request, own_key(gateway).await?.as_ref()).await
}

/// Whether a path names what is stored here: the upstream has other files and batches, and they are not the caller's.
fn ours(path: &str) -> bool {
    ["/v1/jobs", "/v1/files", "/v1/uploads", "/v1/batches"].into_iter().any(|room| path.starts_with(room))
}

/// Whether the upstream could read a path as another than the one that was looked at here.
pub(crate) fn ambiguous(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["%2f", "%5c", "%25", "%2e", "\\", "//"].into_iter().any(|part| path.contains(part))
        || path.split('/').any(|part| part == "." || part == "..")
}

/// Whether a call must not pass for one that is no job: a job's but for a slash, or one that shows what a proxy sends.
fn barred(method: &Method, path: &str) -> bool {
    let job = |endpoint: Endpoint| path.strip_suffix('/') == Some(endpoint.path());
    matches!(*method, Method::TRACE | Method::CONNECT) || *method == Method::POST && Endpoint::JOBS.into_iter().any(job)
}

/// The gateway's own key towards the provider of the first route that has one; none in passthrough mode, where the caller's goes on.
async fn own_key(gateway: &Gateway) -> Result<Option<SecretString>, StoreError> {
    if gateway.auth == Auth::Passthrough {
        return Ok(None);
    }
    let mut targets = gateway.routes.0.iter().flat_map(Route::targets);
    let target = targets.find(|target| target.provider != fleet::NAME);
    let provider = target.map_or("", |target| target.provider.as_str());
    gateway.ports.credentials.open(&own_credential(provider)).await.map(Some)
}

pub(crate) async fn send(
    gateway: &Gateway,
    request: Request,
    key: Option<&SecretString>,
) -> Result<Response, ApiError> {
    let Some(relay) = &gateway.abilities.relay else { return Err(ApiError::no_such_url(request.uri().path())) };
    gateway.stats.relayed();
    let path = request.uri().path().to_owned();
    let answer = async {
        let response = relay.send(request, key).await.map_err(|error| silent(&error, &path))?;
        match gateway.rules.relay_bytes {
            Some(limit) => within(response, limit).await,
            None => Ok(response),
        }
    };
    let Some(relay_ms) = gateway.rules.relay_ms else { return answer.await };
    tokio::time::timeout(Duration::from_millis(relay_ms), answer).await.unwrap_or_else(|_| Err(too_slow(relay_ms)))
}

fn silent(error: &RelayError, path: &str) -> ApiError {
    tracing::warn!(%error, "a relayed call failed");
    let silent = |status, code| ApiError::new(status, code, "The upstream did not answer.");
    match error {
        // Whether a POST took effect is unknown, so only the upstream may ask for its retry.
        RelayError::TimedOut => silent(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout"),
        RelayError::Unreachable(_) => silent(StatusCode::BAD_GATEWAY, "upstream_unreachable"),
        RelayError::NotSent(_) => silent(StatusCode::SERVICE_UNAVAILABLE, "upstream_unreachable").retry_after(1),
        RelayError::Refused => ApiError::no_such_url(path),
    }
}

fn too_slow(relay_ms: u64) -> ApiError {
    tracing::warn!(relay_ms, "a relayed call took too long");
    let seconds = Duration::from_millis(relay_ms).as_secs_f64();
    let message =
        format!("The upstream's answer did not arrive within the {seconds} s that this gateway waits for it.");
    ApiError::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", message)
}

/// The response if its body is no larger than `limit` bytes: read to its end, so that none is given in part.
async fn within(response: Response, limit: u64) -> Result<Response, ApiError> {
    let too_large = || {
        let message = format!(
            "The upstream's answer is larger than {limit} bytes, the most that this gateway can relay; ask the upstream \
             for it directly, or in parts."
        );
        ApiError::new(StatusCode::BAD_GATEWAY, "response_too_large", message)
    };
    let (parts, body) = response.into_parts();
    if body.size_hint().lower() > limit {
        return Err(too_large());
    }
    match Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX)).collect().await {
        Ok(whole) => Ok(Response::from_parts(parts, Body::from(whole.to_bytes()))),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => {
            tracing::warn!(%error, "a relayed answer was cut off");
            let message = "The upstream's answer was cut off.";
            Err(ApiError::new(StatusCode::BAD_GATEWAY, "upstream_unreachable", message))
        }
    }
}

/// Asks the upstream for a resource on the gateway's own behalf.
pub(crate) async fn get(gateway: &Gateway, path: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let mut own = http::Request::builder().method(Method::GET).uri(path);
    if gateway.auth == Auth::Passthrough
        && let Some(authorization) = headers.get(http::header::AUTHORIZATION)
    {
        own = own.header(http::header::AUTHORIZATION, authorization);
    }
    let own = own.body(Body::empty()).map_err(|_| ApiError::no_such_url(path))?;
    send(gateway, own, own_key(gateway).await?.as_ref()).await
}

/// Whether a path is on the allow-list. What lists or names stored things never is: they belong to one upstream
/// account, which tenants share.
fn allowed(list: &[String], path: &str) -> bool {
    const STORED: [&str; 12] = [
        "/v1/files",
        "/v1/uploads",
        "/v1/batches",
        "/v1/responses",
        "/v1/chat/completions",
        "/v1/fine_tuning",
        "/v1/assistants",
        "/v1/threads",
        "/v1/vector_stores",
        "/v1/containers",
        "/v1/conversations",
        "/v1/evals",
    ];
    let under = |prefix: &str| {
        path.strip_prefix(prefix.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    list.iter().any(|prefix| under(prefix)) && !STORED.into_iter().any(under)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_could_read_differently_is_not_relayed() {
        for path in ["/v1/a%2Fb", "/v1/%5cb", "/v1/%252e", "/v1/%2E%2e/files", "/v1/a\\b", "/v1//files", "/v1/../x"] {
            assert!(ambiguous(path), "{path}");
        }
        assert!(!ambiguous("/v1/audio/a%20b.mp3") && !ambiguous("/v1/files/"));
        assert!(ours("/v1/files/") && ours("/v1/batches/batch_1/unknown") && !ours("/v1/vector_stores"));
        assert!(barred(&Method::POST, "/v1/chat/completions/") && barred(&Method::TRACE, "/v1/audio"));
        assert!(!barred(&Method::POST, "/v1/audio/") && !barred(&Method::GET, "/v1/responses/"));
    }

    #[test]
    fn stored_things_are_never_relayed_among_tenants() {
        let list = ["/v1/audio".to_owned(), "/v1/files".to_owned(), "/v1/".to_owned()];
        assert!(allowed(&list[..1], "/v1/audio/speech"));
        assert!(!allowed(&list[..1], "/v1/audiobooks"));
        assert!(!allowed(&list, "/v1/files/file-1/content"));
        assert!(!allowed(&list, "/v1/batches"));
        assert!(!allowed(&[], "/v1/audio/speech"));
    }
}
