//! A provider's ordinary endpoints, called as an engine.

use bytes::Bytes;
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ports::{Called, Engine as _, Whose};
use offpeak_providers::live::Live;

use crate::stage::{Play, Stage, answer, nobody, ok};
use crate::{KEY, key};

async fn ask(live: &Live) -> Called {
    live.call(Endpoint::ChatCompletions, Bytes::from_static(br#"{"model":"m"}"#), 2_000).await
}

#[tokio::test]
async fn a_call_goes_below_the_base_url_with_the_key() {
    let stage = Stage::saying(ok(r#"{"id":1}"#)).await;
    for path in ["/v1", "/v1/", "/v1beta/openai"] {
        let live = Live::new(&format!("{}{path}", stage.origin()), key()).unwrap();
        assert_eq!(live.whose(), Whose::Provider);
        assert!(matches!(ask(&live).await, Called::Answered { status: 200, body, .. } if body == r#"{"id":1}"#));
        let seen = stage.seen().pop().unwrap();
        assert_eq!((seen.method.as_str(), seen.text()), ("POST", r#"{"model":"m"}"#.to_owned()));
        assert_eq!(seen.target, format!("{}/chat/completions", path.trim_end_matches('/')));
        assert_eq!(seen.header("authorization"), Some("Bearer sk-very-secret"));
    }
}

#[tokio::test]
async fn no_refusal_shows_the_key() {
    let refusal = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}. {KEY} is unknown."}}}}"#);
    let stage = Stage::saying(answer(401, &[], &refusal)).await;
    let live = Live::new(&stage.base(), key()).unwrap();
    let Called::Answered { status: 401, body, .. } = ask(&live).await else { panic!("it is refused") };
    assert_eq!(body, refusal.replace(KEY, "***"));
    assert!(!format!("{live:?}").contains(KEY));
}

#[tokio::test]
async fn waits_and_breaks_are_told_apart() {
    let stage = Stage::new(|_, before| match before {
        0 => Play::Say(answer(429, &[("Retry-After", "7")], "{}")),
        1 => Play::SayAndLeave(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()),
        _ => Play::Silence,
    })
    .await;
    let live = Live::new(&stage.base(), key()).unwrap();
    assert!(matches!(ask(&live).await, Called::Answered { status: 429, retry_after_ms: Some(7_000), .. }));
    assert!(matches!(ask(&live).await, Called::Broken(_)));
    assert_eq!(live.call(Endpoint::Embeddings, Bytes::new(), 50).await, Called::TimedOut);
    let nobody = Live::new(&nobody().await, key()).unwrap();
    assert!(matches!(ask(&nobody).await, Called::Unreached(_)));
}
