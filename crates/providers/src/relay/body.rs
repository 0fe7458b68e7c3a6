//! The body of a relayed answer, streamed.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use super::RelayError;
use super::pool::{Link, Pool, poll_driven};

/// The upstream's bytes as they come. Dropped before its end, it closes the connection, which tells the upstream that
/// nobody listens. An answer cut short is [`RelayError::Cut`] at its end.
pub struct ResponseBody {
    incoming: Incoming,
    /// None once it went back to the pool, or broke.
    held: Option<Held>,
}

/// What a call in progress occupies.
pub(super) struct Held {
    pub(super) link: Link,
    pub(super) pool: Arc<Pool>,
    pub(super) permit: OwnedSemaphorePermit,
}

impl ResponseBody {
    pub(super) fn new(incoming: Incoming, held: Held) -> Self {
        let mut body = Self { incoming, held: Some(held) };
        if body.incoming.is_end_stream() {
            body.release();
        }
        body
    }

    fn release(&mut self) {
        if let Some(Held { link, pool, permit }) = self.held.take() {
            pool.put(link);
            drop(permit);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let this = self.get_mut();
        let incoming = &mut this.incoming;
        let polled = match &mut this.held {
            Some(held) => poll_driven(&mut held.link, cx, |cx| Pin::new(&mut *incoming).poll_frame(cx)),
            None => Pin::new(incoming).poll_frame(cx),
        };
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Err(_))) => {
                this.held = None;
                Poll::Ready(Some(Err(RelayError::Cut)))
            }
            Poll::Ready(Some(Ok(frame))) => {
                if this.incoming.is_end_stream() {
                    this.release();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                this.release();
                Poll::Ready(None)
            }
        }
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
