//! Carrying webhooks to the URLs that callers have named.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;

/// One message to one URL.
#[derive(Clone)]
pub struct Delivery {
    /// As the caller gave it. It may hold a secret of theirs.
    pub url: String,
    /// What receivers know a repeat by (`webhook-id`): visible ASCII.
    pub id: String,
    /// JSON, sent byte for byte.
    pub body: Bytes,
    /// What to sign with, newest first; one signature each. Spelled `whsec_<base64>`, or else used as they are.
    pub secrets: Vec<SecretString>,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("id", &self.id).field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// What came of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// The receiver answered, whatever it said.
    Answered {
        /// The HTTP status; a redirect is one like any other.
        status: u16,
    },
    /// The URL may not be called, now at least: nothing was sent.
    Forbidden(Forbidden),
    /// No answer: the receiver may have the message.
    Unanswered(Silence),
    /// There is no secret, or none that can be decoded, or the id fits no header: nothing was sent.
    Unsendable,
}

impl Delivered {
    /// Whether the receiver has taken the message: it answered 2xx.
    pub const fn is_taken(self) -> bool {
        matches!(self, Self::Answered { status: 200..=299 })
    }
}

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The host has no address: nothing was sent.
    Unresolvable,
    /// No connection came about, TLS included: nothing was sent.
    Unreachable,
    /// The time was over.
    TimedOut,
    /// The connection ended, or what came is no HTTP.
    Broken,
}

/// Why a URL may not be called. The words are for callers and hold nothing of the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Forbidden {
    /// Its length.
    #[error("the URL is longer than 2048 bytes")]
    TooLong,
    /// It is none, or has no host.
    #[error("the URL is malformed")]
    Malformed,
    /// Its scheme.
    #[error("the URL does not begin with https://")]
    NotHttps,
    /// A user name or a password.
    #[error("the URL holds a user name or a password")]
    Credentials,
    /// The host is, or resolves to, an address that is not on the public internet.
    #[error("the URL's host is not on the public internet")]
    Address,
}

/// Why a URL cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAdmitted {
    /// It may not be called.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Its host has no address, or nobody could say within the time.
    #[error("the URL's host cannot be resolved")]
    Unresolvable,
}

/// Carries messages to URLs that callers have named, and to no address inside.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// Whether a URL may be registered now; its host is resolved. Sends nothing. A yes binds nobody: where a name leads
    /// may change, so that each delivery looks again.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    async fn admit(&self, url: &str) -> Result<(), NotAdmitted>;

    /// Sends the message once, signed as of `now_s` (Unix seconds; receivers refuse what is minutes off). Ends within
    /// a bounded time. A repeat sends it again, under the same id.
    async fn deliver(&self, delivery: &Delivery, now_s: u64) -> Delivered;
}
