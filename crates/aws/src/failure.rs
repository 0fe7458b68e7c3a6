//! What went wrong with a call, in words that may be logged.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use offpeak_core::ports::StoreError;

/// What services say when they are asked too much.
const THROTTLES: [&str; 13] = [
    "BandwidthLimitExceeded",
    "KMSThrottlingException",
    "LimitExceededException",
    "OverLimit",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// What services say of rights and names: their sentences tell the operator what to mend, and hold no content.
const TELLING: [&str; 5] = ["AccessDenied", "Denied", "NotFound", "NonExistent", "NoSuchBucket"];

/// Whether the service refused for being asked too much, and so did nothing.
pub(crate) fn is_throttle<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let refused = |status: u16| matches!(status, 429 | 503);
    error.code().is_some_and(is_throttle_code) || error.raw_response().is_some_and(|raw| refused(raw.status().as_u16()))
}

/// The same by the code alone. SQS writes some with a prefix: `AWS.SimpleQueueService.OverLimit`.
pub(crate) fn is_throttle_code(code: &str) -> bool {
    THROTTLES.contains(&code.rsplit('.').next().unwrap_or(code))
}

/// The HTTP status of the answer, where there was one.
pub(crate) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|raw| raw.status().as_u16())
}

/// A failed call as the port's error: which call, and what is known of why.
pub(crate) fn unavailable<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    StoreError::Unavailable(format!("{operation}: {}", reason(error)))
}

/// Why a call failed. A service's own sentence may repeat what it was sent, and is left out but for some.
pub(crate) fn reason<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let status = status(error).map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    match (error.code(), error.message()) {
        (Some(code), Some(message)) if TELLING.iter().any(|word| code.contains(word)) => {
            format!("{code}{status}: {message}")
        }
        (Some(code), _) => format!("{code}{status}"),
        (None, _) => format!("{}{status}", causes(error)),
    }
}

/// The sentences of an error and of what caused it; the client's own, for it never got to the service's.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::operation::send_message::SendMessageError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn error(status: u16, code: &str, message: &str) -> SdkError<SendMessageError, HttpResponse> {
        let raw = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        let metadata = ErrorMetadata::builder().code(code).message(message).build();
        SdkError::service_error(SendMessageError::generic(metadata), raw)
    }

    #[test]
    fn throttles_are_told_by_code_or_status() {
        assert!(is_throttle(&error(400, "AWS.SimpleQueueService.OverLimit", "")));
        assert!(is_throttle(&error(400, "ThrottlingException", "")));
        assert!(is_throttle(&error(400, "ProvisionedThroughputExceededException", "")));
        assert!(is_throttle(&error(503, "ServiceUnavailable", "")));
        assert!(!is_throttle(&error(500, "InternalError", "")));
        assert!(!is_throttle(&error(400, "InvalidMessageContents", "")));
    }

    #[test]
    fn a_sentence_that_may_hold_content_is_left_out() {
        let text = unavailable("SendMessage", &error(400, "InvalidMessageContents", "my prompt")).to_string();
        assert!(text.contains("SendMessage: InvalidMessageContents (HTTP 400)") && !text.contains("prompt"), "{text}");
        let text = unavailable("SendMessage", &error(403, "AccessDeniedException", "role r may not")).to_string();
        assert!(text.contains("role r may not"), "{text}");
    }
}
