//! Receivers that do not answer, or do not stop.

use std::time::Duration;

use offpeak_core::ports::{Deliver as _, Delivered, Silence};
use offpeak_webhook::{Client, Config};

use crate::receiver::{Play, Receiver, Trap};
use crate::{NOW_S, config, delivery, near};

const SHORT: Duration = Duration::from_millis(100);

fn hasty() -> Client {
    Client::new(&Config { timeout: SHORT, ..config(true) }).unwrap()
}

async fn reply(play: Play) -> Delivered {
    let receiver = Receiver::new(play).await;
    near().deliver(&delivery(receiver.url()), NOW_S).await
}

#[tokio::test]
async fn who_never_answers_is_waited_for_no_longer_than_the_time() {
    for begun in ["", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nx-a: b\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let mut receiver = Receiver::new(Play::Say(begun.into())).await;
        let delivered = hasty().deliver(&delivery(receiver.url()), NOW_S).await;
        assert_eq!(delivered, Delivered::Unanswered(Silence::TimedOut), "{begun}");
        receiver.end().await;
    }
}

#[tokio::test]
async fn a_body_that_stays_away_changes_no_answer_and_ends_with_the_time() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec();
    let mut receiver = Receiver::new(Play::Say(head)).await;
    let delivered = hasty().deliver(&delivery(receiver.url()), NOW_S).await;
    assert_eq!(delivered, Delivered::Answered { status: 200 });
    receiver.end().await;
}

/// The sockets' buffers take some megabytes more than is read.
#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let piece = [b"10000\r\n".as_slice(), &vec![b'a'; 0x1_0000], b"\r\n"].concat();
    let mut receiver = Receiver::new(Play::SayForEver(head, piece)).await;
    let delivered = near().deliver(&delivery(receiver.url()), NOW_S).await;
    assert_eq!(delivered, Delivered::Answered { status: 200 });
    let written = receiver.end().await;
    assert!(written < 32 << 20, "{written}");
}

#[tokio::test]
async fn a_head_without_end_is_given_up() {
    let line = [b"x-a: ".as_slice(), &[b'a'; 1000], b"\r\n"].concat();
    let mut receiver = Receiver::new(Play::SayForEver(b"HTTP/1.1 200 OK\r\n".to_vec(), line)).await;
    let delivered = near().deliver(&delivery(receiver.url()), NOW_S).await;
    assert_eq!(delivered, Delivered::Unanswered(Silence::Broken));
    let written = receiver.end().await;
    assert!(written < 32 << 20, "{written}");
}

#[tokio::test]
async fn who_closes_or_speaks_no_http_has_not_answered() {
    for said in ["", "HTTP/1.1 200 OK\r\nConte", "SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 abc\r\n\r\n"] {
        assert_eq!(reply(Play::SayAndLeave(said.into())).await, Delivered::Unanswered(Silence::Broken), "{said}");
    }
}

#[tokio::test]
async fn who_closes_after_the_head_has_answered() {
    for said in ["HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "HTTP/1.0 200 OK\r\n\r\nsome"] {
        assert_eq!(reply(Play::SayAndLeave(said.into())).await, Delivered::Answered { status: 200 }, "{said}");
    }
}

#[tokio::test]
async fn without_a_connection_there_is_no_answer() {
    let trap = Trap::new();
    let url = format!("http://{}/", trap.address());
    drop(trap);
    assert_eq!(near().deliver(&delivery(url), NOW_S).await, Delivered::Unanswered(Silence::Unreachable));
}

#[tokio::test]
async fn who_speaks_no_tls_gets_no_message() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let hears = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = [0; 1];
        stream.read_exact(&mut heard).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        heard[0]
    });
    assert_eq!(near().deliver(&delivery(url), NOW_S).await, Delivered::Unanswered(Silence::Unreachable));
    let handshake = 0x16;
    assert_eq!(hears.await.unwrap(), handshake);
}

#[tokio::test]
async fn who_takes_no_connection_in_time_is_unreachable() {
    let client = Client::new(&Config { connect_timeout: SHORT, ..config(true) }).unwrap();
    // The port takes the connection; the handshake never comes.
    let trap = Trap::new();
    let url = format!("https://{}/", trap.address());
    assert_eq!(client.deliver(&delivery(url), NOW_S).await, Delivered::Unanswered(Silence::Unreachable));
}

#[test]
fn the_times_are_those_that_the_documents_name() {
    let config = Config::default();
    assert_eq!((config.connect_timeout.as_secs(), config.timeout.as_secs()), (5, 15));
    assert!(!config.allow_private);
}
