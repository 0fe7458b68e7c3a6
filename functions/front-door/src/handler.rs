//! The router behind what a stack puts before it: an HTTP API takes whole payloads of 6 MB, a Function URL streams.

use axum::Router;
use axum::body::Body;
use axum::middleware::map_response;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{HeaderName, StatusCode};
use http_body_util::{BodyExt as _, Collected, LengthLimitError, Limited};
use offpeak_config::FrontDoor;

/// What a function may return at once, bytes: 6 MB (Lambda quotas, "Invocation payload", read 2026-11-20).
const PAYLOAD: usize = 6 << 20;

/// Of these, what is left to status and headers.
const FRAME: usize = 64 << 10;

const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Runs the router until the environment ends.
///
/// # Errors
/// The Runtime API cannot be used.
pub async fn serve(app: Router, front_door: FrontDoor) -> anyhow::Result<()> {
    let served = match front_door {
        FrontDoor::HttpApi => lambda_http::run(bounded(app)).await,
        FrontDoor::FunctionUrl => lambda_http::run_with_streaming_response(app).await,
    };
    served.map_err(anyhow::Error::from_boxed)
}

/// The router with a clear error in place of each response that Lambda would refuse.
pub fn bounded(app: Router) -> Router {
    app.layer(map_response(within_payload))
}

async fn within_payload(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    match Limited::new(body, PAYLOAD).collect().await.map(Collected::to_bytes) {
        Ok(bytes) if encoded_bytes(&parts.headers, &bytes) <= PAYLOAD - FRAME => {
            Response::from_parts(parts, Body::from(bytes))
        }
        Ok(_) => too_large(),
        Err(error) if error.is::<LengthLimitError>() => too_large(),
        Err(error) => cut_off(error.as_ref()),
    }
}

/// The answer's bytes stopped coming; the same call may bring all of them.
fn cut_off(error: &(dyn std::error::Error + Send + Sync)) -> Response {
    tracing::error!(%error, "an answer was cut off on its way");
    let message = "The answer was cut off on its way here; repeat the request.";
    failure(StatusCode::SERVICE_UNAVAILABLE, "answer_cut_off", message, "true")
}

/// What a body takes within the payload: a string of JSON, or base64.
fn encoded_bytes(headers: &HeaderMap, body: &Bytes) -> usize {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let is_text = kind.starts_with("text/") || kind.contains("json") || kind.contains("xml");
    if headers.contains_key(CONTENT_ENCODING) || !is_text {
        return body.len().div_ceil(3) * 4;
    }
    body.iter().map(|byte| escaped_bytes(*byte)).sum()
}

const fn escaped_bytes(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

fn too_large() -> Response {
    let message =
        "The response is larger than the 6 MB that an HTTP API can carry; a Function URL streams up to 200 MB.";
    failure(StatusCode::BAD_GATEWAY, "response_too_large", message, "false")
}

fn failure(status: StatusCode, code: &str, message: &str, should_retry: &'static str) -> Response {
    let error = serde_json::json!({"error": {"message": message, "type": "server_error", "param": null, "code": code}});
    let mut response = Response::new(Body::from(error.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static(should_retry));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn given(kind: &'static str, body: Vec<u8>) -> StatusCode {
        let mut response = Response::new(Body::from(body));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        within_payload(response).await.status()
    }

    #[tokio::test]
    async fn what_lambda_can_carry_passes_and_the_rest_is_a_clear_error() {
        let fits = PAYLOAD - FRAME;
        assert_eq!(given("application/json", vec![b'a'; fits]).await, StatusCode::OK);
        assert_eq!(given("application/json", vec![b'a'; fits + 1]).await, StatusCode::BAD_GATEWAY);
        assert_eq!(given("application/json", vec![b'"'; fits / 2 + 1]).await, StatusCode::BAD_GATEWAY, "escaped");
        assert_eq!(given("audio/mpeg", vec![b'a'; fits / 4 * 3 - 3]).await, StatusCode::OK);
        assert_eq!(given("audio/mpeg", vec![b'a'; fits / 4 * 3 + 3]).await, StatusCode::BAD_GATEWAY, "as base64");
        assert_eq!(given("text/plain", vec![b'a'; 2 * PAYLOAD]).await, StatusCode::BAD_GATEWAY);
    }

    #[tokio::test]
    async fn what_was_cut_off_may_be_asked_for_again() {
        let broken = futures_util::stream::iter([Ok("half of "), Err(std::io::Error::other("reset"))]);
        let response = within_payload(Response::new(Body::from_stream(broken))).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[SHOULD_RETRY], "true");
    }
}
