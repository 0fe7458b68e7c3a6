//! A wire between a client and a server that notes when the first POST went up, and when the last answer to one came
//! down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// The wire. Both sides of a comparison go through it, so that it costs both the same.
pub(crate) struct Meter {
    pub(crate) address: SocketAddr,
    span: Span,
}

impl Meter {
    /// A wire to a server.
    pub(crate) async fn before(server: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, span) = (listener.local_addr()?, Arc::default());
        let meter = Self { address, span: Arc::clone(&span) };
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(connection(caller, server, Arc::clone(&span)));
            }
        });
        Ok(meter)
    }

    /// Forgets what went over it.
    pub(crate) fn reset(&self) {
        *self.span.lock() = None;
    }

    /// From the first byte to the last since the reset.
    pub(crate) fn span(&self) -> anyhow::Result<Duration> {
        let (first, last) = self.span.lock().context("nothing went over the wire")?;
        Ok(last - first)
    }
}

type Span = Arc<Mutex<Option<(Instant, Instant)>>>;

async fn connection(caller: TcpStream, server: SocketAddr, span: Span) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (caller.set_nodelay(true), server.set_nodelay(true));
    let ((from_caller, to_caller), (from_server, to_server)) = (caller.into_split(), server.into_split());
    // Whether what is under way is a call, and not a question after its health: these clients send one at a time.
    let is_call = Arc::new(AtomicBool::new(false));
    let (asked, answered) = ((Arc::clone(&is_call), Arc::clone(&span)), (is_call, span));
    tokio::spawn(carry(from_caller, to_server, move |bytes| {
        if bytes.starts_with(b"GET ") {
            asked.0.store(false, Ordering::Relaxed);
        } else {
            asked.0.store(true, Ordering::Relaxed);
            note(&asked.1);
        }
    }));
    let answers = move |_: &[u8]| {
        if answered.0.load(Ordering::Relaxed) {
            note(&answered.1);
        }
    };
    carry(from_server, to_caller, answers).await;
}

fn note(span: &Span) {
    let now = Instant::now();
    span.lock().get_or_insert((now, now)).1 = now;
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut seen: impl FnMut(&[u8]) + Send) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        seen(&buffer[..read]);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
