//! A scripted HTTP server that works on bare sockets, so that it can answer, cut or stay silent at any byte.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the stage does with a request.
pub(crate) enum Play {
    /// Writes these bytes and keeps the connection.
    Say(Vec<u8>),
    /// Writes these bytes and closes the connection.
    SayAndLeave(Vec<u8>),
    /// Never answers.
    Silence,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Lower-case names, in the order of arrival.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Which connection brought it, from 0.
    pub(crate) connection: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

type Script = dyn Fn(&Seen, usize) -> Play + Send + Sync;

/// The server; it ends with its runtime.
pub(crate) struct Stage {
    origin: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Stage {
    /// Plays `script` to each request, given how many came before it.
    pub(crate) async fn new(script: impl Fn(&Seen, usize) -> Play + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let script: Arc<Script> = Arc::new(script);
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(act(stream, connection, Arc::clone(&log), Arc::clone(&script)));
            }
        });
        Self { origin, seen }
    }

    /// Gives the same answer to every request.
    pub(crate) async fn saying(bytes: Vec<u8>) -> Self {
        Self::new(move |_, _| Play::Say(bytes.clone())).await
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn base(&self) -> String {
        format!("{}/v1", self.origin)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}

/// An `https` address where nobody speaks TLS.
pub(crate) async fn no_tls() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
        }
    });
    base
}

/// A whole answer.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        out.extend([*name, ": ", *value, "\r\n"]);
    }
    format!("{out}\r\n{body}").into_bytes()
}

/// A whole answer of status 200.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    answer(200, &[("Content-Type", "application/json")], body)
}

async fn act(mut stream: TcpStream, connection: usize, log: Arc<Mutex<Vec<Seen>>>, script: Arc<Script>) {
    let mut buffer = Vec::new();
    while let Some(mut seen) = read(&mut stream, &mut buffer).await {
        seen.connection = connection;
        let before = {
            let mut log = log.lock().unwrap();
            log.push(seen.clone());
            log.len() - 1
        };
        let (bytes, leaves) = match script(&seen, before) {
            Play::Say(bytes) => (bytes, false),
            Play::SayAndLeave(bytes) => (bytes, true),
            Play::Silence => std::future::pending().await,
        };
        if stream.write_all(&bytes).await.is_err() || leaves {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let head_end = until(stream, buffer, 0, b"\r\n\r\n").await?;
    let head = String::from_utf8(buffer[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut seen = Seen { method, target, headers, body: Vec::new(), connection: 0 };
    let mut at = head_end + 4;
    if seen.header("transfer-encoding") == Some("chunked") {
        loop {
            let end = until(stream, buffer, at, b"\r\n").await?;
            let size = usize::from_str_radix(std::str::from_utf8(&buffer[at..end]).unwrap(), 16).unwrap();
            fill(stream, buffer, end + 2 + size + 2).await?;
            seen.body.extend_from_slice(&buffer[end + 2..end + 2 + size]);
            at = end + 2 + size + 2;
            if size == 0 {
                break;
            }
        }
    } else {
        let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
        fill(stream, buffer, at + length).await?;
        seen.body.extend_from_slice(&buffer[at..at + length]);
        at += length;
    }
    buffer.drain(..at);
    Some(seen)
}

async fn until(stream: &mut TcpStream, buffer: &mut Vec<u8>, from: usize, mark: &[u8]) -> Option<usize> {
    loop {
        let rest = buffer.get(from..).unwrap_or_default();
        if let Some(found) = rest.windows(mark.len()).position(|window| window == mark) {
            return Some(from + found);
        }
        let wanted = buffer.len() + 1;
        fill(stream, buffer, wanted).await?;
    }
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>, length: usize) -> Option<()> {
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    Some(())
}
