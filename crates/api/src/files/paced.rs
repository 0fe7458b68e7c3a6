//! A body of any length, given in small pieces to a reader that keeps what it is given.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, Sleep};

/// Bytes given at once.
const PIECE: usize = 64 << 10;

/// Bytes that may be given before the reader has done something with them.
const ROOM: usize = 256 << 10;

/// Without a byte for so long, a body is given up.
const SILENCE: Duration = Duration::from_mins(1);

/// Beyond its first minute a body comes at this rate on the average, or it is given up: bytes a minute.
const SLOWEST: u64 = 1 << 20;

/// What is still coming after a refusal is read for so long: a client that sends does not listen.
const LINGER: Duration = Duration::from_secs(30);

/// Why no more of a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    /// The client went away.
    #[error("the body ended early")]
    Broken,
    /// Nothing came for [`SILENCE`].
    #[error("the body stopped coming")]
    Silent,
    /// It came more slowly than [`SLOWEST`].
    #[error("the body came too slowly")]
    Slow,
    /// The reader keeps too much of it.
    #[error("the head of a part is too long")]
    Full,
}

/// A body in pieces: one each time it is polled, with a turn for others between.
pub(crate) struct Paced {
    body: BodyDataStream,
    rest: Bytes,
    /// The last poll gave a piece. The reader polls until it is told to wait, and keeps all that it gets by then.
    gave: bool,
    patience: Patience,
    room: Room,
}

/// How long to wait for a body: only what is spent waiting for it counts, not what is spent with what came.
struct Patience {
    bytes: u64,
    waited: Duration,
    /// Since when nothing is there, and what it means if that lasts until `end`.
    waiting: Option<(Instant, Stop)>,
    end: Pin<Box<Sleep>>,
}

impl Patience {
    fn new() -> Self {
        Self { bytes: 0, waited: Duration::ZERO, waiting: None, end: Box::pin(tokio::time::sleep(SILENCE)) }
    }

    fn came(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
    }

    /// Waits for more, unless that took too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Stop> {
        let stop = if let Some((_, stop)) = self.waiting {
            stop
        } else {
            let in_all = Duration::from_millis(60_000 + self.bytes.saturating_mul(60_000) / SLOWEST);
            let left = in_all.saturating_sub(self.waited);
            let stop = if left < SILENCE { Stop::Slow } else { Stop::Silent };
            let now = Instant::now();
            self.end.as_mut().reset(now + left.min(SILENCE));
            self.waiting = Some((now, stop));
            stop
        };
        self.end.as_mut().poll(cx).map(|()| stop)
    }
}

/// How much may still be given.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<AtomicUsize>);

impl Room {
    /// The reader has done with what it was given.
    pub(crate) fn renew(&self) {
        self.0.store(ROOM, Ordering::Relaxed);
    }

    fn take(&self, bytes: usize) -> Result<(), Stop> {
        let left = self.0.load(Ordering::Relaxed).checked_sub(bytes).ok_or(Stop::Full)?;
        self.0.store(left, Ordering::Relaxed);
        Ok(())
    }
}

impl Paced {
    pub(crate) fn new(body: Body) -> Self {
        let room = Room(Arc::new(AtomicUsize::new(ROOM)));
        Self { body: body.into_data_stream(), rest: Bytes::new(), gave: false, patience: Patience::new(), room }
    }

    pub(crate) fn room(&self) -> Room {
        self.room.clone()
    }

    /// Reads what is still coming, and forgets it.
    pub(crate) async fn drain(mut self) {
        let rest = async { while let Some(Ok(_)) = self.body.next().await {} };
        // Who still sends after that is cut off.
        let _ = tokio::time::timeout(LINGER, rest).await;
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Stop>> {
        while self.rest.is_empty() {
            match self.body.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(bytes))) => {
                    self.patience.came(bytes.len());
                    self.rest = bytes;
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(Stop::Broken)),
                Poll::Ready(None) => return Poll::Ready(Ok(false)),
                Poll::Pending => return self.patience.poll(cx).map(Err),
            }
        }
        Poll::Ready(Ok(true))
    }
}

impl Stream for Paced {
    type Item = Result<Bytes, Stop>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.gave) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match self.poll_rest(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(stop)) => return Poll::Ready(Some(Err(stop))),
            Poll::Ready(Ok(false)) => return Poll::Ready(None),
            Poll::Ready(Ok(true)) => {}
        }
        let bytes = PIECE.min(self.rest.len());
        let piece = self.room.take(bytes).map(|()| self.rest.split_to(bytes));
        self.gave = piece.is_ok();
        Poll::Ready(Some(piece))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;

    use futures_util::stream;

    use super::*;

    /// A body that is always ready: a hundred pieces of 1 MiB.
    fn flood() -> Paced {
        let pieces = (0..100).map(|_| Ok::<_, Infallible>(Bytes::from(vec![0; 1 << 20])));
        Paced::new(Body::from_stream(stream::iter(pieces)))
    }

    /// Reads as multer does: until it is told to wait.
    async fn turn(body: &mut Paced) -> Result<usize, Stop> {
        poll_fn(|cx| {
            let mut bytes = 0;
            loop {
                match body.poll_next_unpin(cx) {
                    Poll::Ready(Some(Ok(piece))) => bytes += piece.len(),
                    Poll::Ready(Some(Err(stop))) => return Poll::Ready(Err(stop)),
                    Poll::Ready(None) | Poll::Pending => return Poll::Ready(Ok(bytes)),
                }
            }
        })
        .await
    }

    #[tokio::test]
    async fn a_reader_gets_one_piece_in_a_turn_and_no_more_than_it_has_room_for() {
        let mut body = flood();
        for _ in 0..ROOM / PIECE {
            assert_eq!(turn(&mut body).await, Ok(PIECE));
        }
        assert_eq!(turn(&mut body).await, Err(Stop::Full));
    }

    #[tokio::test]
    async fn a_reader_that_passes_on_what_it_gets_is_given_all_of_it() {
        let mut body = flood();
        let room = body.room();
        let mut bytes = 0;
        loop {
            room.renew();
            match turn(&mut body).await.unwrap() {
                0 => break,
                more => bytes += more,
            }
        }
        assert_eq!(bytes, 100 << 20);
    }
}
