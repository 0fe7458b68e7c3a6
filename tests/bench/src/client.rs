//! A lean HTTP/1.1 client: it shares the cores with what it measures.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Bytes of a question: with its frame, the request's body is 1 KB.
const QUESTION: usize = 940;

/// One request and what its answer must contain.
pub(crate) struct Request {
    bytes: Vec<u8>,
    expected: String,
    status: u16,
}

impl Request {
    /// A held chat request of 1 KB; the simulator's echo makes the answer as long.
    pub(crate) fn chat(number: usize) -> Self {
        Self::job("q", number, "", 200)
    }

    /// The same, answered 202.
    pub(crate) fn later(number: usize) -> Self {
        Self::job("l", number, "prefer: respond-async\r\n", 202)
    }

    /// Likewise, other questions.
    pub(crate) fn other(number: usize) -> Self {
        Self::job("o", number, "prefer: respond-async\r\n", 202)
    }

    fn job(kind: &str, number: usize, headers: &str, status: u16) -> Self {
        let marker = format!("{kind}-{number:08}-");
        let question = format!("{marker}{}", "x".repeat(QUESTION));
        let body = format!(r#"{{"model":"gpt-4.1-mini","messages":[{{"role":"user","content":"{question}"}}]}}"#);
        let expected = if status == 200 { format!("echo: {marker}") } else { "job_".to_owned() };
        Self { status, ..Self::of(&body, headers, expected) }
    }

    /// A chat request with this body, and what its answer of status 200 must contain.
    pub(crate) fn of(body: &str, headers: &str, expected: String) -> Self {
        let bytes = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             {headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { bytes: bytes.into_bytes(), expected, status: 200 }
    }

    /// A call that is no job.
    pub(crate) fn relayed(_: usize) -> Self {
        let bytes = b"GET /v1/anything?limit=1 HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n\r\n".to_vec();
        Self { bytes, expected: "pong".to_owned(), status: 200 }
    }
}

/// A bounded number of requests from a bounded number of callers.
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) callers: usize,
    pub(crate) requests: usize,
    pub(crate) request: Arc<dyn Fn(usize) -> Request + Send + Sync>,
}

/// What came of a load.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) right: usize,
    pub(crate) wrong: usize,
    latencies: Vec<Duration>,
}

impl Outcome {
    pub(crate) fn p50(&self) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

impl Load {
    pub(crate) async fn run(self) -> anyhow::Result<Outcome> {
        let next = Arc::new(AtomicUsize::new(0));
        let load = Arc::new(self);
        let mut callers = JoinSet::new();
        for _ in 0..load.callers {
            callers.spawn(caller(Arc::clone(&load), Arc::clone(&next)));
        }
        let mut outcome = Outcome::default();
        while let Some(done) = callers.join_next().await {
            let one = done.context("a caller ended abnormally")??;
            outcome.right += one.right;
            outcome.wrong += one.wrong;
            outcome.latencies.extend(one.latencies);
        }
        Ok(outcome)
    }
}

async fn caller(load: Arc<Load>, next: Arc<AtomicUsize>) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut stream = connect(load.address).await?;
    let mut buffer = Vec::with_capacity(4 * 1_024);
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= load.requests {
            return Ok(outcome);
        }
        let request = (load.request)(number);
        let began = Instant::now();
        stream.write_all(&request.bytes).await.context("sending")?;
        let (status, body) = response(&mut stream, &mut buffer).await?;
        outcome.latencies.push(began.elapsed());
        let right = status == request.status && memchr::memmem::find(body, request.expected.as_bytes()).is_some();
        outcome.right += usize::from(right);
        outcome.wrong += usize::from(!right);
    }
}

pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    for _ in 0..100 {
        if let Ok(stream) = TcpStream::connect(address).await {
            stream.set_nodelay(true)?;
            return Ok(stream);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("no connection to {address}")
}

/// Reads one response with a Content-Length.
pub(crate) async fn response<'a>(stream: &mut TcpStream, buffer: &'a mut Vec<u8>) -> anyhow::Result<(u16, &'a [u8])> {
    let (head, length) = begun(stream, buffer).await?;
    while buffer.len() < head + length {
        if stream.read_buf(buffer).await.context("receiving")? == 0 {
            bail!("the connection was closed inside a body");
        }
    }
    Ok((status(buffer)?, &buffer[head..head + length]))
}

/// Reads a response's head, and perhaps more: how long it is, and the body.
async fn begun(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<(usize, usize)> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await.context("receiving")? == 0 {
            bail!("the connection was closed");
        }
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            return Ok((end + 4, content_length(&buffer[..end])?));
        }
    }
}

fn status(head: &[u8]) -> anyhow::Result<u16> {
    Ok(std::str::from_utf8(&head[9..12])?.parse()?)
}

/// Reads what is at a path, line by line, however much it is.
pub(crate) async fn content(address: SocketAddr, path: &str, mut line: impl FnMut(&[u8])) -> anyhow::Result<()> {
    let mut stream = connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n\r\n");
    stream.write_all(request.as_bytes()).await.context("sending")?;
    let mut buffer = Vec::with_capacity(1 << 20);
    let (head, mut left) = begun(&mut stream, &mut buffer).await?;
    if status(&buffer)? != 200 {
        bail!("{path} was not given: {}", status(&buffer)?);
    }
    buffer.drain(..head);
    left = left.saturating_sub(buffer.len());
    loop {
        let whole = memchr::memrchr(b'\n', &buffer).map_or(0, |feed| feed + 1);
        buffer[..whole].split_inclusive(|byte| *byte == b'\n').for_each(&mut line);
        buffer.drain(..whole);
        if left == 0 {
            return Ok(());
        }
        let read = stream.read_buf(&mut buffer).await.context("receiving")?;
        if read == 0 {
            bail!("the connection was closed inside a file");
        }
        left = left.saturating_sub(read);
    }
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?;
    for line in head.lines() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok(value.trim().parse()?);
        }
    }
    bail!("an answer without Content-Length")
}

/// Opens connections, sends one request on each, and leaves them unanswered.
pub(crate) async fn hold(address: SocketAddr, count: usize) -> anyhow::Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = connect(address).await?;
        stream.write_all(&Request::chat(number).bytes).await?;
        streams.push(stream);
    }
    Ok(streams)
}

/// An upstream that answers every request with one word.
pub(crate) async fn answerer() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    Ok(address)
}

async fn answer(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(4 * 1_024);
    loop {
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if buffer.ends_with(b"\r\n\r\n") {
            buffer.clear();
            let pong = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\npong";
            if stream.write_all(pong).await.is_err() {
                return;
            }
        }
    }
}
