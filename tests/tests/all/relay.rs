//! Calls that are no jobs go to the upstream as they are.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Channel, StreamBody};
use hyper::body::Frame;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use offpeak_tests::{Answer, Gateway, PATIENCE, Recorder, Upstream};
use serde_json::json;

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn request(gateway: &Gateway, path: &str, body: Body) -> Request<Body> {
    let uri = gateway.base_url().replace("/v1", path);
    Request::post(uri).header("content-type", "application/json").body(body).unwrap()
}

/// Posts a body in pieces, its length untold.
pub(crate) async fn post_in_pieces(gateway: &Gateway, path: &str, body: String) -> Answer {
    let pieces: Vec<Bytes> = body.as_bytes().chunks(100).map(Bytes::copy_from_slice).collect();
    let frames = pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let body = StreamBody::new(stream::iter(frames)).boxed_unsync();
    let response = client.request(request(gateway, path, body)).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

#[tokio::test]
async fn an_unknown_call_is_relayed_with_the_gateways_own_key() {
    let upstream = Recorder::answering("{}").await;
    let gateway = Gateway::before_url(upstream.url()).start().await;
    let call = gateway.http.with_key("sk-callers").post("/v1/whatever?x=1&y=%20", &json!({"a": 1}));
    let answer = call.header("x-custom", "kept").header("x-offpeak-tag", "ours").send().await;
    assert_eq!((answer.status, answer.header("x-upstream")), (200, "recorder"));
    assert_eq!(answer.json(), json!({"path": "/v1/whatever?x=1&y=%20", "bytes": 7}));
    let seen = upstream.calls("/v1/whatever");
    assert_eq!(seen.len(), 1);
    assert_eq!((&seen[0].method, &*seen[0].body), (&Method::POST, &b"{\"a\":1}"[..]));
    let header = |name: &str| seen[0].headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("authorization"), Some("Bearer sk-own"));
    assert_eq!((header("x-custom"), header("x-offpeak-tag")), (Some("kept"), None));
    let deleted = gateway.http.call(Method::DELETE, "/v1/vector_stores/vs_9?z=2").send().await;
    assert_eq!(deleted.status, 200);
    assert_eq!(upstream.calls("/v1/vector_stores/vs_9")[0].method, Method::DELETE);
}

#[tokio::test]
async fn calls_go_to_the_first_routes_provider_with_its_key() {
    let (first, second) = (Recorder::answering("{}").await, Recorder::answering("{}").await);
    let config = format!(
        "[[provider]]\nname = \"second\"\nbase_url = \"{}\"\nkey_env = \"OPENAI_API_KEY\"\n[[route]]\nmodel = \"*\"\n\
         provider = \"second\"",
        second.url()
    );
    let gateway = Gateway::before_url(first.url()).config(&config).start().await;
    assert_eq!(gateway.http.get("/v1/whatever").send().await.status, 200);
    assert_eq!((first.calls("/v1/whatever").len(), second.calls("/v1/whatever").len()), (0, 1));
}

#[tokio::test]
async fn both_bodies_of_a_relayed_call_are_streamed() {
    let upstream = Recorder::answering("{}").await;
    let gateway = Gateway::before_url(upstream.url()).start().await;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
    sender.send_data(Bytes::from_static(b"one")).await.unwrap();
    let response = tokio::time::timeout(PATIENCE, client.request(request(&gateway, "/v1/mirror", body.boxed_unsync())));
    let mut mirrored = response.await.expect("an answer while the request still goes on").unwrap().into_body();
    for piece in ["one", "two", "three"] {
        if piece != "one" {
            sender.send_data(Bytes::from_static(piece.as_bytes())).await.unwrap();
        }
        let frame = tokio::time::timeout(PATIENCE, mirrored.frame()).await.expect("a piece of the answer");
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), piece);
    }
    drop(sender);
    assert!(mirrored.frame().await.is_none());
}

#[tokio::test]
async fn a_live_answer_of_the_upstream_is_handed_on_whatever_its_status() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let answer = gateway.http.get("/v1/none-such").send().await;
    assert_eq!(answer.status, 404, "{answer:?}");
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("none-such"));
    assert!(answer.header("x-request-id").starts_with("req_"));
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_an_error_of_its_own() {
    let gone = format!("http://127.0.0.1:{}/v1", offpeak_tests::free_port());
    let gateway = Gateway::before_url(&gone).start().await;
    let answer = gateway.http.get("/v1/whatever").send().await;
    assert_eq!(answer.error(503), "upstream_unreachable");
    assert_eq!((answer.header("retry-after"), answer.header("x-should-retry")), ("1", "true"));
}
