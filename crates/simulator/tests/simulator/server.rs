use std::sync::Arc;

use offpeak_simulator::{Faults, Options, Simulator, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::upstream::{Upstream, chat_lines, order};

/// Sends `request` as it is and reads until the server closes the connection.
async fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_cut_connection_carries_no_byte() {
    let upstream = Upstream::with_faults(Faults { create_cut_after: 1, ..Faults::default() }).await;
    let address = upstream.base.trim_start_matches("http://");
    let body = order(&upstream.upload(&chat_lines(1)).await, "/v1/chat/completions").to_string();
    let head = format!(
        "POST /v1/batches HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer k\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let request = head + &body;
    assert_eq!(exchange(address, &request).await, "");
    let second = exchange(address, &request).await;
    assert!(second.starts_with("HTTP/1.1 200 OK\r\n"), "{second}");
    assert_eq!(upstream.counts().batches_created, 2);
}

#[tokio::test]
async fn a_server_stops_when_told_and_closes_its_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, Arc::new(Simulator::new(Options::default())), async {
        let _ = stopped.await;
    }));
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(b"GET /sim/counts HTTP/1.1\r\nhost: sim\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    open.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");

    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    let mut rest = Vec::new();
    open.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
