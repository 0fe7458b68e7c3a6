//! A model server that answers one request at a time.

use async_trait::async_trait;
use bytes::Bytes;

use crate::endpoint::Endpoint;

/// What an engine serves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Serving {
    /// Its models, by the names that requests call them.
    pub models: Vec<String>,
}

/// Whose an engine is: what its answers mean, and what it can be blamed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// A model server of one's own: it serves some models, dies of a line, and comes back as another.
    Own,
    /// A provider's ordinary endpoints, which every customer of theirs calls: no line kills them, and what they refuse is
    /// refused.
    Provider,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    /// The engine answered.
    Answered {
        /// HTTP status.
        status: u16,
        /// The body, whole.
        body: Bytes,
        /// The engine's name of the request.
        request_id: Option<String>,
        /// How long to wait, if it said so, milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// No answer in time.
    TimedOut,
    /// It answered with more than so many bytes: again it would be as long.
    TooLong {
        /// Bytes that are taken.
        most: usize,
    },
    /// The connection broke.
    Broken(String),
    /// The connection could not be made: the engine never saw the request.
    Unreached(String),
}

/// The engine is not there, or not ready.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the engine is not ready: {why}")]
pub struct NotReady {
    /// Why.
    pub why: String,
    /// It did not say so: it may only be busy.
    pub is_silent: bool,
}

impl NotReady {
    /// It is not there, or says that it is not well.
    pub fn gone(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_silent: false }
    }
}

/// A model server.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Whose it is.
    fn whose(&self) -> Whose {
        Whose::Own
    }

    /// What it serves, once it is ready. A provider is not asked.
    ///
    /// # Errors
    /// [`NotReady`].
    async fn serving(&self) -> Result<Serving, NotReady>;

    /// One call, given up after so many milliseconds.
    async fn call(&self, endpoint: Endpoint, body: Bytes, timeout_ms: u64) -> Called;

    /// It was ready and is not there any more, or does not answer: whoever can start it again does so.
    fn gave_out(&self) {}
}
