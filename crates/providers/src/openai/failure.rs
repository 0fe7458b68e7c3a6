//! What went wrong in a call, in our own words.

use offpeak_core::ports::BackendError;
use offpeak_core::submission::Refusal;

use super::wire::Fault;

/// Why a call brought no answer that can be used.
#[derive(Debug)]
pub(super) enum Failure {
    /// The key cannot stand in a header. Nothing was sent.
    Key,
    /// No connection came about. Nothing was sent.
    Unreachable,
    /// Time-out, reset or cut: it may have taken effect.
    Unanswered,
    /// A success that is not what the dialect says.
    Unreadable,
    /// An HTTP status other than success.
    Denied(Denial),
    /// The bytes to upload could not be read, or are not as many as was said.
    Source,
}

/// An HTTP answer other than success.
#[derive(Debug)]
pub(super) struct Denial {
    /// The HTTP status.
    pub(super) status: u16,
    /// Milliseconds that the provider asks to wait.
    pub(super) retry_after_ms: Option<u64>,
    /// The provider's words.
    pub(super) refusal: Refusal,
}

impl Denial {
    /// Whether the status leaves open what became of the call: 408, 409, 425, 499 and 5xx; also 303 and the like,
    /// which say that the answer is elsewhere. What is left is a definite no.
    pub(super) const fn is_unclear(&self) -> bool {
        matches!(self.status, 0..=300 | 303..=306 | 408 | 409 | 425 | 499..)
    }
}

impl Failure {
    /// The refusal of a key that cannot be sent.
    pub(super) fn unusable_key() -> Refusal {
        Refusal {
            status: 401,
            code: "invalid_api_key".to_owned(),
            message: "The key has characters that no header may have.".to_owned(),
            passing: false,
            lines: Vec::new(),
        }
    }
}

impl From<Failure> for BackendError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Key => Self::Refused(Failure::unusable_key()),
            Failure::Unreachable => Self::Unavailable("no connection".to_owned()),
            Failure::Unanswered => Self::Unavailable("no answer, or one cut short".to_owned()),
            Failure::Unreadable => Self::Unavailable("an answer that cannot be read".to_owned()),
            Failure::Source => Self::Source,
            Failure::Denied(denial) => denied(denial),
        }
    }
}

fn denied(denial: Denial) -> BackendError {
    let Denial { status, retry_after_ms, refusal } = denial;
    match (status, retry_after_ms) {
        (404, _) => BackendError::NotFound,
        (429, retry_after_ms) | (503, retry_after_ms @ Some(_)) => BackendError::Throttled { retry_after_ms },
        (408 | 409 | 425 | 499.., _) => BackendError::Unavailable(format!("HTTP status {status}")),
        _ => BackendError::Refused(refusal),
    }
}

/// The provider's definite no in the port's words. A key that it repeats is cut out.
pub(super) fn refusal(status: u16, fault: Fault, key: &str) -> Refusal {
    /// Longer sentences are cut, in characters: a row holds it.
    const MESSAGE: usize = 500;
    let code = fault.code.unwrap_or_else(|| format!("http_{status}"));
    let mut message = fault.message.unwrap_or_else(|| format!("The provider answered with status {status}."));
    if !key.is_empty() {
        message = message.replace(key, "[key]");
    }
    let message = message.chars().take(MESSAGE).collect();
    Refusal { status, passing: status == 402 || is_passing(&code), code, message, lines: fault.lines }
}

/// Whether the same lines may be accepted once a quota has room, a bill is paid, or the provider has recovered.
pub(super) fn is_passing(code: &str) -> bool {
    const PASSING: [&str; 10] = [
        "token_limit_exceeded",
        "too_many_tasks",
        "insufficient_quota",
        "quota_exceeded",
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_balance",
        "server_error",
        "internal_error",
        "service_unavailable",
    ];
    let code = code.to_ascii_lowercase();
    PASSING.contains(&code.as_str()) || code.starts_with("rate_limit")
}
