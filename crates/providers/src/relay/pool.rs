//! Idle connections to one upstream, youngest first.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A request's body.
pub(super) type Outgoing = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
/// The bytes below HTTP.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A connection that has no task of its own: whoever uses it drives it. That saves two switches between tasks per
/// call, and dropping it closes it.
pub(super) struct Link {
    sender: http1::SendRequest<Outgoing>,
    /// None once the connection has ended.
    driver: Option<http1::Connection<Stream, Outgoing>>,
    /// Whether it has carried a call before.
    pub(super) reused: bool,
}

impl Link {
    /// Begins HTTP on a stream.
    pub(super) async fn start(stream: Stream) -> Result<Self, hyper::Error> {
        let (sender, driver) = http1::handshake(stream).await?;
        Ok(Self { sender, driver: Some(driver), reused: false })
    }

    /// Sends a request and waits for the head of its answer. A request that comes back in the error was not begun.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Outgoing>>> {
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        std::future::poll_fn(|cx| {
            drive(driver, cx);
            answer.as_mut().poll(cx)
        })
        .await
    }

    /// Moves bytes in both directions as far as they go.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, cx);
    }

    /// Whether the last call is over in both directions and another may begin.
    ///
    /// Nobody is woken for an idle connection; polling it brings to light whether the upstream has closed it.
    fn is_idle(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }
}

fn drive(driver: &mut Option<http1::Connection<Stream, Outgoing>>, cx: &mut Context<'_>) {
    if let Some(connection) = driver {
        // Its error, if any, reaches whoever waits for the answer or its body.
        if Pin::new(connection).poll(cx).is_ready() {
            *driver = None;
        }
    }
}

struct Idle {
    link: Link,
    since: Instant,
}

#[derive(Default)]
struct Shelf {
    /// Oldest first.
    idle: Vec<Idle>,
    /// Whether a task waits for the oldest to expire.
    swept: bool,
}

/// The idle connections.
pub(super) struct Pool {
    shelf: Mutex<Shelf>,
    most: usize,
    timeout: Duration,
}

impl Pool {
    pub(super) fn new(most: usize, timeout: Duration) -> Arc<Self> {
        Arc::new(Self { shelf: Mutex::default(), most, timeout })
    }

    /// A connection that was open a moment ago.
    pub(super) fn take(&self) -> Option<Link> {
        loop {
            let Idle { mut link, since } = self.shelf().idle.pop()?;
            if since.elapsed() < self.timeout && link.is_idle() {
                return Some(link);
            }
        }
    }

    /// Keeps a connection whose call is over; closes it if there are enough, or if its call is not quite over.
    pub(super) fn put(self: &Arc<Self>, mut link: Link) {
        if self.most == 0 || !link.is_idle() {
            return;
        }
        link.reused = true;
        let mut shelf = self.shelf();
        if shelf.idle.len() >= self.most {
            return;
        }
        shelf.idle.push(Idle { link, since: Instant::now() });
        if !shelf.swept {
            shelf.swept = true;
            tokio::spawn(sweep(Arc::downgrade(self), self.timeout));
        }
    }

    /// Closes what has expired; false when nothing is left.
    fn expire(&self) -> bool {
        let mut shelf = self.shelf();
        let live = shelf.idle.iter().position(|idle| idle.since.elapsed() < self.timeout);
        let expired: Vec<Idle> = match live {
            Some(live) => shelf.idle.drain(..live).collect(),
            None => std::mem::take(&mut shelf.idle),
        };
        shelf.swept = !shelf.idle.is_empty();
        let swept = shelf.swept;
        drop(shelf);
        drop(expired);
        swept
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("idle", &self.shelf().idle.len()).finish_non_exhaustive()
    }
}

/// Runs only while something is idle.
async fn sweep(pool: Weak<Pool>, timeout: Duration) {
    loop {
        tokio::time::sleep(timeout).await;
        let Some(pool) = pool.upgrade() else { return };
        if !pool.expire() {
            return;
        }
    }
}

/// Polls a connection from a body; see [`Link::drive`].
pub(super) fn poll_driven<T>(
    link: &mut Link,
    cx: &mut Context<'_>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    if let ready @ Poll::Ready(_) = poll(cx) {
        return ready;
    }
    link.drive(cx);
    poll(cx)
}
