//! What a receiver gets, and what is made of its answer.

use offpeak_core::ports::{Deliver as _, Delivered, Delivery, Forbidden};
use offpeak_webhook::Client;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

use crate::receiver::{Play, Receiver, Trap, answer};
use crate::{BODY, ID, NOW_S, config, delivery, near};

/// HMAC-SHA256 as RFC 2104 defines it, in base64.
fn hmac(key: &[u8], message: &[u8]) -> String {
    use base64::Engine as _;
    let padded = |pad: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).unwrap_or(&0) ^ pad).collect() };
    let inner = Sha256::digest([&padded(0x36), message].concat());
    let outer = Sha256::digest([&padded(0x5c)[..], &inner[..]].concat());
    base64::engine::general_purpose::STANDARD.encode(outer)
}

fn signed_text() -> Vec<u8> {
    format!("{ID}.{NOW_S}.{BODY}").into_bytes()
}

#[tokio::test]
async fn the_receiver_gets_these_headers_and_this_body_and_no_more() {
    let mut receiver = Receiver::saying(200).await;
    assert_eq!(near().deliver(&delivery(receiver.url()), NOW_S).await, Delivered::Answered { status: 200 });
    let call = receiver.call().await;
    let key: Vec<u8> = (0..32).collect();
    let mut lines: Vec<&str> = call.head.split("\r\n").collect();
    lines[1..].sort_unstable();
    let expected = [
        "POST /hook?tenant=a%20b HTTP/1.1".to_owned(),
        "accept: */*".to_owned(),
        format!("content-length: {}", BODY.len()),
        "content-type: application/json".to_owned(),
        format!("host: {}", receiver.address),
        concat!("user-agent: Offpeak/", env!("CARGO_PKG_VERSION")).to_owned(),
        format!("webhook-id: {ID}"),
        format!("webhook-signature: v1,{}", hmac(&key, &signed_text())),
        format!("webhook-timestamp: {NOW_S}"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(call.body, BODY.as_bytes());
}

#[tokio::test]
async fn two_secrets_sign_side_by_side() {
    let mut receiver = Receiver::saying(204).await;
    let mut delivery = delivery(receiver.url());
    delivery.secrets.insert(0, SecretString::from("the next one"));
    near().deliver(&delivery, NOW_S).await;
    let key: Vec<u8> = (0..32).collect();
    let expected = format!("v1,{} v1,{}", hmac(b"the next one", &signed_text()), hmac(&key, &signed_text()));
    assert_eq!(receiver.call().await.header("webhook-signature"), expected);
}

#[tokio::test]
async fn every_attempt_is_signed_anew_under_the_same_id() {
    let mut receiver = Receiver::saying(500).await;
    let (client, delivery) = (near(), delivery(receiver.url()));
    client.deliver(&delivery, NOW_S).await;
    client.deliver(&delivery, NOW_S + 60).await;
    let (first, second) = (receiver.call().await, receiver.call().await);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(second.header("webhook-timestamp"), (NOW_S + 60).to_string());
    assert_ne!(first.header("webhook-signature"), second.header("webhook-signature"));
}

#[tokio::test]
async fn only_2xx_is_taken() {
    for (statuses, taken) in [(&[200_u16, 202, 204, 299][..], true), (&[300, 304, 400, 404, 410, 503], false)] {
        for &status in statuses {
            let receiver = Receiver::saying(status).await;
            let delivered = near().deliver(&delivery(receiver.url()), NOW_S).await;
            assert_eq!((delivered, delivered.is_taken()), (Delivered::Answered { status }, taken));
        }
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let trap = Trap::new();
        let location = format!("Location: http://{}/inside\r\n", trap.address());
        let receiver = Receiver::new(Play::Say(answer(status, &location, ""))).await;
        assert_eq!(near().deliver(&delivery(receiver.url()), NOW_S).await, Delivered::Answered { status });
        assert!(trap.is_untouched(), "{status}");
    }
}

#[tokio::test]
async fn a_connection_serves_one_delivery_and_no_cookie_stays() {
    let cookie = "Set-Cookie: session=1; Path=/\r\nConnection: keep-alive\r\n";
    let mut receiver = Receiver::new(Play::Say(answer(200, cookie, "{}"))).await;
    let (client, delivery) = (near(), delivery(receiver.url()));
    for _ in 0..2 {
        client.deliver(&delivery, NOW_S).await;
        assert!(!receiver.call().await.head.contains("cookie"));
        receiver.end().await;
    }
}

#[tokio::test]
async fn what_cannot_be_signed_or_named_is_not_sent() {
    let trap = Trap::new();
    let url = format!("http://{}/", trap.address());
    let without_secret = Delivery { secrets: Vec::new(), ..delivery(&url) };
    let no_key = Delivery { secrets: vec![SecretString::from("whsec_%")], ..delivery(&url) };
    let no_header = Delivery { id: "two\r\nlines: 1".to_owned(), ..delivery(&url) };
    for delivery in [without_secret, no_key, no_header] {
        assert_eq!(near().deliver(&delivery, NOW_S).await, Delivered::Unsendable);
    }
    assert!(trap.is_untouched());
}

#[tokio::test]
async fn a_forbidden_url_is_not_called_even_if_it_was_registered_once() {
    let trap = Trap::new();
    let client = Client::new(&config(false)).unwrap();
    for (scheme, expected) in [("http", Forbidden::NotHttps), ("https", Forbidden::Address)] {
        let delivery = delivery(format!("{scheme}://{}/", trap.address()));
        assert_eq!(client.deliver(&delivery, NOW_S).await, Delivered::Forbidden(expected));
        assert_eq!(client.admit(&delivery.url).await, Err(expected.into()));
    }
    assert!(trap.is_untouched());
}
