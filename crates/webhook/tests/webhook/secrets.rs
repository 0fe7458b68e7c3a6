//! What is printed holds no secret, no message and no URL.

use std::sync::Arc;

use offpeak_core::ports::{Deliver as _, Delivered, Forbidden, NotAdmitted, Silence};
use offpeak_webhook::System;
use secrecy::SecretString;

use crate::receiver::Trap;
use crate::{BODY, NOW_S, SECRET, delivery, near, strict};

#[tokio::test]
async fn nothing_that_can_be_printed_holds_a_secret() {
    let trap = Trap::new();
    let port = trap.address().port();
    drop(trap);
    let mut delivery = delivery(format!("http://127.0.0.1:{port}/T00/token-in-the-path"));
    delivery.secrets.push(SecretString::from("another secret"));
    let client = near();
    let delivered = client.deliver(&delivery, NOW_S).await;
    assert_eq!(delivered, Delivered::Unanswered(Silence::Unreachable));
    let strict = strict(&Arc::new(System));
    let refused = strict.admit("https://someone:password@hooks.example.com/").await.unwrap_err();
    let printed = format!("{delivery:?} {client:?} {delivered:?} {refused:?} {refused} {strict:?}");
    for secret in [&SECRET[6..20], "another secret", "token-in-the-path", "password@", "someone", &BODY[..10]] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    assert!(printed.contains("msg_5a5a"), "{printed}");
}

#[test]
fn the_words_for_callers_say_what_is_wrong() {
    for (error, words) in [
        (NotAdmitted::from(Forbidden::TooLong), "the URL is longer than 2048 bytes"),
        (Forbidden::Malformed.into(), "the URL is malformed"),
        (Forbidden::NotHttps.into(), "the URL does not begin with https://"),
        (Forbidden::Credentials.into(), "the URL holds a user name or a password"),
        (Forbidden::Address.into(), "the URL's host is not on the public internet"),
        (NotAdmitted::Unresolvable, "the URL's host cannot be resolved"),
    ] {
        assert_eq!(error.to_string(), words);
    }
}
