//! The body of a relayed answer, streamed.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use super::RelayError;

/// The upstream's bytes as they come. Dropped before its end, it closes the connection, which tells the upstream that
/// nobody listens. An answer cut short is [`RelayError::Cut`] at its end.
pub struct ResponseBody {
    incoming: Incoming,
    /// The call counts as in progress until its body is dropped.
    _call: OwnedSemaphorePermit,
}

impl ResponseBody {
    pub(super) const fn new(incoming: Incoming, call: OwnedSemaphorePermit) -> Self {
        Self { incoming, _call: call }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        Pin::new(&mut self.incoming).poll_frame(cx).map_err(|_| RelayError::Cut)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}
