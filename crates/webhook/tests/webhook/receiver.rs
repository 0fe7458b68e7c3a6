//! A receiver on bare sockets, so that it sees every byte and can answer, cut or stay silent at any.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a receiver does with a call.
#[derive(Clone)]
pub(crate) enum Play {
    /// Writes these bytes and keeps the connection.
    Say(Vec<u8>),
    /// Writes these bytes and closes the connection.
    SayAndLeave(Vec<u8>),
    /// Writes these bytes, and the second ones again and again.
    SayForEver(Vec<u8>, Vec<u8>),
}

/// A call as it arrived.
#[derive(Debug)]
pub(crate) struct Call {
    /// Up to the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| *known == name).unwrap().1
    }
}

/// The receiver; it ends with its runtime.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    calls: UnboundedReceiver<Call>,
    ends: UnboundedReceiver<usize>,
}

impl Receiver {
    /// Plays the same to every call.
    pub(crate) async fn new(play: Play) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (call, calls) = unbounded_channel();
        let (end, ends) = unbounded_channel();
        let play = Arc::new(play);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(act(stream, Arc::clone(&play), call.clone(), end.clone()));
            }
        });
        Self { address, calls, ends }
    }

    pub(crate) async fn saying(status: u16) -> Self {
        Self::new(Play::Say(answer(status, "", "{}"))).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?tenant=a%20b", self.address)
    }

    /// The next call, which has come or will.
    pub(crate) async fn call(&mut self) -> Call {
        self.calls.recv().await.unwrap()
    }

    /// Waits until the other side has closed a connection, and says how many bytes were written on it.
    pub(crate) async fn end(&mut self) -> usize {
        self.ends.recv().await.unwrap()
    }

    /// Whether there was no call beyond those taken.
    pub(crate) fn has_no_more(&mut self) -> bool {
        self.calls.try_recv().is_err()
    }
}

/// A whole answer; `headers` end in a line break each.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}

/// A port where nobody answers, and that knows whether anybody connected: the system takes connections by itself.
pub(crate) struct Trap(StdListener);

impl Trap {
    pub(crate) fn new() -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) fn is_untouched(&self) -> bool {
        self.0.accept().is_err()
    }
}

async fn act(mut stream: TcpStream, play: Arc<Play>, calls: UnboundedSender<Call>, ends: UnboundedSender<usize>) {
    let Some(call) = read(&mut stream).await else { return };
    let _ = calls.send(call);
    let mut written = 0;
    let (first, again) = match &*play {
        Play::Say(first) => (first, None),
        Play::SayAndLeave(first) => (first, Some(&[] as &[u8])),
        Play::SayForEver(first, again) => (first, Some(again.as_slice())),
    };
    written += usize::from(stream.write_all(first).await.is_ok()) * first.len();
    match again {
        None => while stream.read_buf(&mut Vec::new()).await.is_ok_and(|bytes| bytes > 0) {},
        Some([]) => return,
        Some(again) => {
            while stream.write_all(again).await.is_ok() {
                written += again.len();
            }
        }
    }
    let _ = ends.send(written);
}

async fn read(stream: &mut TcpStream) -> Option<Call> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let mut call = Call { head: String::from_utf8(bytes[..end].to_vec()).unwrap(), body: Vec::new() };
        let length: usize = call.header("content-length").parse().unwrap();
        while bytes.len() < end + 4 + length {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        call.body = bytes.split_off(end + 4);
        return Some(call);
    }
}
